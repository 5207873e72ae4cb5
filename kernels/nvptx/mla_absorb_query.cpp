// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries of multi-head latent attention in the space of latents. A block takes a head of kAbsorbedRows rows.
//
// Operands: q [T, H * (dn + dr)] before rope, kv_b (absorbing.h), scale (quantized only), rope table, out [T, H, r +
// dr]: out[:r] = q[:dn] * key rows of the head, out[r:] = rope(q[dn:]).

#include "kernels/nvptx/absorbing.h"
#include "kernels/nvptx/rotation.h"

namespace fathom::nv {

template <class Weight>
struct MlaAbsorbQuery : mla_absorb_query_op {
  static FATHOM_INLINE void absorb_rows(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t head, int64_t row,
                                        int64_t rows) {
    constexpr int kTable = Weight::kQuantized ? 3 : 2;
    int64_t width = c[r] + c[dr], query = c[dn] + c[dr];
    RowMatrix<Weight> weights = {operand<const char>(dispatch, 1), operand<const float>(dispatch, 2), c[dn], c[r],
                                 head * (c[dn] + c[dv])};
    auto q = [&](int64_t t)
                 FATHOM_INLINED { return numbers(dispatch, 0, c[x_element]) + ((row + t) * c[H] + head) * query; };
    auto out = [&](int64_t t) FATHOM_INLINED {
      return numbers(dispatch, kTable + 1, c[x_element]) + ((row + t) * c[H] + head) * width;
    };
    for (int64_t column = thread(); column < c[r]; column += kThreads) {
      float sums[kAbsorbedRows];
      absorb(weights, column, rows, [&](int64_t t, int64_t i) FATHOM_INLINED { return q(t)[i]; }, sums);
      FATHOM_UNROLL for (int t = 0; t < kAbsorbedRows; ++t) {
        if (t < rows) {
          out(t).set(column, sums[t]);
        }
      }
    }
    for (int64_t i = thread(); i < rows * c[dr]; i += kThreads) {
      int64_t t = i / c[dr], number = i % c[dr];
      const float *angles = operand<const float>(dispatch, kTable) + dispatch->positions[row + t] * c[dr];
      out(t).set(c[r] + number, rotated(q(t) + c[dn], angles, c[dr], /*half_split=*/false, number));
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(c[H] * ceil_div(dispatch->rows, kAbsorbedRows), [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / c[H] * kAbsorbedRows;
      absorb_rows(dispatch, c, unit % c[H], row, smaller(kAbsorbedRows, dispatch->rows - row));
    });
  }
};

FATHOM_DEFINE_KERNEL(MlaAbsorbQuery<Weight>)

} // namespace fathom::nv

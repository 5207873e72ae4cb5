// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of queries and results as they are outside of the space of latents, for rows of a prompt. A block takes
// kHeads heads of a row: it absorbs their queries, attends to the latents (attending.h or, where all is narrow,
// matrix_attending.h), and expands the results, which is in f32 in both cases.
//
// Operands: q [T, H * (dn + dr)] before rope, kv_b (absorbing.h), scale (quantized only), rope table, out [T, H * dv].

#include "kernels/nvptx/absorbing.h"
#include "kernels/nvptx/matrix_attending.h"
#include "kernels/nvptx/rotation.h"

namespace fathom::nv {

template <class Weight>
struct MlaAttention : mla_attention_op {
  static constexpr int kTable = Weight::kQuantized ? 3 : 2;

  static FATHOM_INLINE RowMatrix<Weight> weights_of(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t head,
                                                    bool values) {
    return {operand<const char>(dispatch, 1), operand<const float>(dispatch, 2), values ? c[dv] : c[dn], c[r],
            head * (c[dn] + c[dv]) + (values ? c[dn] : 0)};
  }

  /// Number i of the absorbed query of a head.
  static FATHOM_INLINE float query(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t row, int64_t head,
                                   int64_t i) {
    Numbers q = numbers(dispatch, 0, c[x_element]) + (row * c[H] + head) * (c[dn] + c[dr]);
    if (i >= c[r]) {
      const float *angles = operand<const float>(dispatch, kTable) + dispatch->positions[row] * c[dr];
      return rotated(q + c[dn], angles, c[dr], /*half_split=*/false, i - c[r]);
    }
    float sum[1];
    absorb(weights_of(dispatch, c, head, false), i, 1, [&](int64_t, int64_t n) FATHOM_INLINED { return q[n]; }, sum);
    return sum[0];
  }

  /// A warp adds up a result: a lane every 32nd number, then lanes in a tree.
  static FATHOM_INLINE void expand(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t row, int64_t first,
                                   int64_t heads, const float *latents) {
    Numbers out = numbers(dispatch, kTable + 1, c[x_element]) + (row * c[H] + first) * c[dv];
    for (int64_t i = warp(); i < heads * c[dv]; i += kWarps) {
      int64_t head = i / c[dv], value = i % c[dv];
      RowMatrix<Weight> weights = weights_of(dispatch, c, first + head, true);
      float sum = 0.0f;
      for (int64_t k = lane(); k < c[r]; k += kWarp) {
        sum = __builtin_fmaf(latents[head * shared_stride(c[r] + c[dr]) + k], scaled_number(weights, value, k), sum);
      }
      sum = sum_of_lanes(sum);
      if (lane() == 0) {
        out.set(i, sum);
      }
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t parts = ceil_div(c[H], kHeads), width = c[r] + c[dr];
    RowFormat format(c[latent_element], width, c[dr]);
    for_each_unit(dispatch->rows * parts, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / parts, first = unit % parts * kHeads;
      AllKeys all = {dispatch, row, c[latent_store], format, c[latent_store], format};
      AttendingShape shape = {smaller(kHeads, c[H] - first), width, c[r], /*shared=*/true, real(c[scale])};
      with_attending(shape, all, c[x_element], [&](auto &heads) FATHOM_INLINED {
        heads.load_queries([&](int64_t head, int64_t i)
                               FATHOM_INLINED { return query(dispatch, c, row, first + head, i); });
        heads.attend();
        // The keys are done with: their memory has the results.
        float *results = heads.memory_of_keys();
        heads.finish([&](int64_t head, int64_t i, float value)
                         FATHOM_INLINED { results[head * shared_stride(width) + i] = value; });
        barrier();
        expand(dispatch, c, row, first, shape.heads, results);
      });
      barrier();
    });
  }
};

FATHOM_DEFINE_KERNEL(MlaAttention<Weight>)

} // namespace fathom::nv

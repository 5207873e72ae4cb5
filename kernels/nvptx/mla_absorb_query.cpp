// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries of multi-head latent attention in the space of latents. Blocks take the tiles of all heads in turns, and then
// rotations.
//
// Operands: q [T, H * (dn + dr)] before rope, kv_b, scale (quantized only), rope table, out [T, H, r + dr]: out[:r] =
// q[:dn] * key rows of the head, out[r:] = rope(q[dn:]).
//
// kv_b [H * (dn + dv), r] has, for each head, dn rows that make keys of latents and dv rows that make values. It is
// read as a checkpoint has it; scales, if quantized, are f32 [ceil(rows/128)][ceil(r/128)] over the whole tensor.

#include "kernels/nvptx/products.h"
#include "kernels/nvptx/rotation.h"

namespace fathom::nv {

template <class Weight>
struct MlaAbsorbQuery : mla_absorb_query_op {
  using Matrix = ColumnMatrix<Weight>;
  static constexpr int kTable = Weight::kQuantized ? 3 : 2;

  static FATHOM_INLINE void multiply(const fathom_dispatch_t *dispatch, const int64_t *c, const Numbers &q,
                                     const Numbers &out) {
    int64_t query = c[dn] + c[dr], width = c[r] + c[dr], of_head = c[dn] + c[dv];
    Tokens all = {q, c[H] * query, query % kChunk == 0};
    all.exact = c[r] % kPanel != 0 || (Weight::kQuantized && of_head % FATHOM_SCALE_BLOCK != 0);
    auto count = [&](int64_t) FATHOM_INLINED { return count_tiles_of<Matrix>(all, c[r], dispatch->rows); };
    begin_products_of<Matrix>(all, [&](auto &ring) FATHOM_INLINED {
      take_turns(c[H], count, [&](int64_t head, int64_t tile) FATHOM_INLINED {
        Matrix weights = {operand<const char>(dispatch, 1), operand<const float>(dispatch, 2), c[r], c[dn],
                          head * of_head};
        Tokens x = all;
        x.data = x.data + head * query;
        Numbers to = out + head * width;
        auto store = [&](int64_t row, int64_t column, float value, float)
                         FATHOM_INLINED { to.set(row * c[H] * width + column, value); };
        multiply_rows(weights, x, dispatch->rows, tile, store, ring);
      });
    });
  }

  /// A thread takes a number of any row and head.
  static FATHOM_INLINE void rotate(const fathom_dispatch_t *dispatch, const int64_t *c, const Numbers &q,
                                   const Numbers &out) {
    auto *table = operand<const float>(dispatch, kTable);
    for (int64_t i = block() * kThreads + thread(); i < dispatch->rows * c[H] * c[dr]; i += blocks() * kThreads) {
      int64_t head = i / c[dr], number = i % c[dr]; // heads of all rows
      const float *angles = table + dispatch->positions[head / c[H]] * c[dr];
      Numbers part = q + (head * (c[dn] + c[dr]) + c[dn]);
      out.set(head * (c[r] + c[dr]) + c[r] + number, rotated(part, angles, c[dr], /*half_split=*/false, number));
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    Numbers q = numbers(dispatch, 0, c[x_element]), out = numbers(dispatch, kTable + 1, c[x_element]);
    multiply(dispatch, c, q, out);
    rotate(dispatch, c, q, out);
  }
};

FATHOM_DEFINE_KERNEL(MlaAbsorbQuery<Weight>)

} // namespace fathom::nv

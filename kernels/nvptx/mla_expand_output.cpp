// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results of latent attention out of the space of latents. Blocks take the tiles of all heads in turns.
//
// Operands: o [T, H, r], kv_b (mla_absorb_query.cpp), scale (quantized only), out [T, H * dv] = value rows of the head
// * o.

#include "kernels/nvptx/products.h"

namespace fathom::nv {

template <class Weight>
struct MlaExpandOutput : mla_expand_output_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    constexpr int kOut = Weight::kQuantized ? 3 : 2;
    Tokens all = {numbers(dispatch, 0, c[x_element]), c[H] * c[r], c[r] % kChunk == 0};
    auto count = [&](int64_t) FATHOM_INLINED { return count_tiles_of<RowMatrix<Weight>>(all, c[dv], dispatch->rows); };
    begin_products_of<RowMatrix<Weight>>(all, [&](auto &ring) FATHOM_INLINED {
      take_turns(c[H], count, [&](int64_t head, int64_t tile) FATHOM_INLINED {
        RowMatrix<Weight> weights = {operand<const char>(dispatch, 1), operand<const float>(dispatch, 2), c[dv], c[r],
                                     head * (c[dn] + c[dv]) + c[dn]};
        Tokens x = all;
        x.data = x.data + head * c[r];
        Numbers out = numbers(dispatch, kOut, c[x_element]) + head * c[dv];
        auto store = [&](int64_t row, int64_t column, float value, float)
                         FATHOM_INLINED { out.set(row * c[H] * c[dv] + column, value); };
        multiply_rows(weights, x, dispatch->rows, tile, store, ring);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(MlaExpandOutput<Weight>)

} // namespace fathom::nv

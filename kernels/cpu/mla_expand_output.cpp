// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results of latent attention out of the space of latents.
//
// Operands: o [T, H, r], kv_b (as in mla_absorb_query.cpp), scale (quantized only), out [T, H * dv] = value rows of
// the head * o. An item is a head.

#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

template <class Tile, class Weight>
struct MlaExpandOutput : HeadItems<mla_expand_output_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Weight::kQuantized ? 3 : 2;
    RowWeights<Weight> weights(operand<const void>(dispatch, 1), operand<const void>(dispatch, 2),
                               item * (c[dn] + c[dv]) + c[dn], c[dv], c[r], c[r]);
    RowSource x{activation(dispatch, 0, c[x_element]) + item * c[r], c[H] * c[r]};
    Output out{activation(dispatch, kOut, c[x_element]) + item * c[dv], c[H] * c[dv], c[dv]};
    multiply_and_store<Tile>(weights, x, dispatch->rows, out, scratch);
  }
};

FATHOM_DEFINE_KERNEL(MlaExpandOutput<Tile, Weight>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What leads into the space of latents, and out of it, by a head's rows of kv_b.
//
// kv_b [H * (dn + dv), r] has, for each head, dn rows that make keys of latents and dv rows that make values. It is
// read as a checkpoint has it; scales, if quantized, are f32 [ceil(rows/128)][ceil(r/128)] over the whole tensor.

#ifndef FATHOM_KERNELS_NVPTX_ABSORBING_H
#define FATHOM_KERNELS_NVPTX_ABSORBING_H

#include "kernels/nvptx/matrices.h"

namespace fathom::nv {

/// Number k of row `row`, with its scale.
template <class Weight>
FATHOM_INLINE float scaled_number(const RowMatrix<Weight> &weights, int64_t row, int64_t k) {
  float number = weights.number(row, k);
  return Weight::kQuantized ? number * weights.scale(row, k) : number;
}

/// sums[t] = sum over i of x(t, i) * row i of the weights at `column`: a chain of multiply-adds, ascending.
template <int Tokens, class Weight, class X>
FATHOM_INLINE void absorb(const RowMatrix<Weight> &weights, int64_t column, int64_t tokens, const X &x,
                          float (&sums)[Tokens]) {
  FATHOM_UNROLL for (int t = 0; t < Tokens; ++t) { sums[t] = 0.0f; }
  for (int64_t i = 0; i < weights.outputs; ++i) {
    float weight = scaled_number(weights, i, column);
    FATHOM_UNROLL for (int t = 0; t < Tokens; ++t) {
      if (t < tokens) {
        sums[t] = __builtin_fmaf(x(t, i), weight, sums[t]);
      }
    }
  }
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_ABSORBING_H

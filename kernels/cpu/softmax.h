// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of an online softmax over a block of 64 keys.

#ifndef FATHOM_KERNELS_CPU_SOFTMAX_H
#define FATHOM_KERNELS_CPU_SOFTMAX_H

#include "fathom/kernel_abi.h"
#include "kernels/cpu/simd.h"

namespace fathom::cpu {

constexpr int64_t kKeys = FATHOM_PAGE_TOKENS;

/// What a query has seen so far: the largest score and the sum of exp(score - largest).
struct SoftmaxState {
  float largest;
  float total;
};

/// Turns scores into weights exp(score * scale - largest) in `weights`, 0 for keys from `visible` on, and
/// updates the state. Returns the factor for what was accumulated before this block.
FATHOM_INLINE float softmax_step(const float *scores, int64_t visible, float scale, SoftmaxState *state,
                                 float *weights) {
  constexpr int kVectors = kKeys / kLanes;
  const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  f32x16 value[kVectors];
  f32x16 high = -__builtin_inff();
  FATHOM_UNROLL for (int v = 0; v < kVectors; ++v) {
    i32x16 limit = static_cast<int32_t>(visible) - v * static_cast<int32_t>(kLanes);
    value[v] = lane < limit ? load(scores + v * kLanes) * scale : f32x16(-__builtin_inff());
    high = larger(high, value[v]);
  }
  float block = largest(high);
  float next = block > state->largest ? block : state->largest;
  float factor = exponential(state->largest - next);
  f32x16 total = 0.0f;
  FATHOM_UNROLL for (int v = 0; v < kVectors; ++v) {
    f32x16 weight = exponential(value[v] - next);
    store(weights + v * kLanes, weight);
    total = total + weight;
  }
  state->total = state->total * factor + sum(total);
  state->largest = next;
  return factor;
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_SOFTMAX_H

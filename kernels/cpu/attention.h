// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels of attention share: rotation, blocks of cached keys, and a step of an online softmax over 64 keys.

#ifndef FATHOM_KERNELS_CPU_ATTENTION_H
#define FATHOM_KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/cache_rows.h"
#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

/// Rotates the pairs (x[2i], x[2i+1]) by the angles of one position.
FATHOM_INLINE void rotate(const Activation &x, const float *table, int64_t count, const Activation &out) {
  for (int64_t i = 0; i + 1 < count; i += 2) {
    float a = x[i], b = x[i + 1], cosine = table[i], sine = table[i + 1];
    out[i] = a * cosine - b * sine;
    out[i + 1] = a * sine + b * cosine;
  }
}

/// Rotates the pairs (x[i], x[i + count / 2]).
FATHOM_INLINE void rotate_halves(const Activation &x, const float *table, int64_t count, const Activation &out) {
  int64_t half = count / 2;
  for (int64_t i = 0; i < half; ++i) {
    float a = x[i], b = x[half + i], cosine = table[2 * i], sine = table[2 * i + 1];
    out[i] = a * cosine - b * sine;
    out[half + i] = a * sine + b * cosine;
  }
}

/// The row of `position` in a store, of the sequence of row `row` and one of `heads`; those of the block of keys follow
/// it.
FATHOM_INLINE char *cache_row(const fathom_dispatch_t *dispatch, int64_t row, int64_t position, int64_t store,
                              const RowFormat &format, int64_t heads = 1, int64_t head = 0) {
  return fathom_cache_row(dispatch->cache, row, dispatch->layer * heads + head, position, store, format.bytes());
}

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

#endif // FATHOM_KERNELS_CPU_ATTENTION_H

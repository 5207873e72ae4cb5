// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole numbers added up over a block of kThreads: what orders results without atomics.

#ifndef FATHOM_KERNELS_NVPTX_COUNTING_H
#define FATHOM_KERNELS_NVPTX_COUNTING_H

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct Counts {
  int32_t before, total;
};

/// Sums over the warps of a block. They take halves of the memory in turns, so that one barrier is enough for each: who
/// writes to a half again has met all that read it.
struct BlockSums {
  int32_t *memory; ///< of 2 * kSumBytes
  int32_t half = 0;

  /// Over warps before this one, and over all, of what each warp counted; the same number in its lanes.
  FATHOM_INLINE Counts add(int32_t of_warp) {
    int32_t *counts = memory + half * kWarps;
    half ^= 1;
    if (lane() == 0) {
      counts[warp()] = of_warp;
    }
    barrier();
    Counts sums = {0, 0};
    FATHOM_UNROLL for (int i = 0; i < kWarps; ++i) {
      sums.before += i < warp() ? counts[i] : 0;
      sums.total += counts[i];
    }
    return sums;
  }

  /// How many threads before this one have it, and how many of all.
  FATHOM_INLINE Counts count_threads(bool x) {
    uint32_t lanes = ballot(x);
    Counts counts = add(__builtin_popcount(lanes));
    counts.before += __builtin_popcount(lanes & ((1u << lane()) - 1));
    return counts;
  }

  /// The sum over the block.
  FATHOM_INLINE int32_t sum(int32_t x) {
    FATHOM_UNROLL for (int distance = kWarp / 2; distance > 0; distance /= 2) { x += shuffle_xor(x, distance); }
    return add(x).total;
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_COUNTING_H

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

/// Over warps before this one, and over all, of what each warp counted; the same number in its lanes. Takes kSumBytes.
FATHOM_INLINE Counts add_counts(int32_t of_warp, int32_t *memory) {
  barrier();
  if (lane() == 0) {
    memory[warp()] = of_warp;
  }
  barrier();
  Counts sums = {0, 0};
  FATHOM_UNROLL for (int i = 0; i < kWarps; ++i) {
    sums.before += i < warp() ? memory[i] : 0;
    sums.total += memory[i];
  }
  return sums;
}

/// How many threads before this one have it, and how many of all.
FATHOM_INLINE Counts count_threads(bool x, int32_t *memory) {
  uint32_t lanes = ballot(x);
  Counts counts = add_counts(__builtin_popcount(lanes), memory);
  counts.before += __builtin_popcount(lanes & ((1u << lane()) - 1));
  return counts;
}

/// The sum over the block.
FATHOM_INLINE int32_t sum_of_block(int32_t x, int32_t *memory) {
  FATHOM_UNROLL for (int distance = kWarp / 2; distance > 0; distance /= 2) { x += shuffle_xor(x, distance); }
  return add_counts(x, memory).total;
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_COUNTING_H

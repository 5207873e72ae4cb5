// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums over a row, by all threads of a block, and its RMS norm: out = x / sqrt(mean(x^2) + eps) * w.
//
// A thread adds up its chunks in order, number by number; then lanes add in a tree, and warps in order. How many
// threads there are follows from the width of a row (threads_of).

#ifndef FATHOM_KERNELS_NVPTX_NORM_H
#define FATHOM_KERNELS_NVPTX_NORM_H

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

/// The sum over the block of what its `threads` have, for all of them; kSumBytes of shared memory.
FATHOM_INLINE float sum_of_block(float x, int64_t threads) {
  auto *parts = shared<float>();
  x = sum_of_lanes(x);
  barrier(); // others may still read the parts of the last sum
  if (lane() == 0) {
    parts[warp()] = x;
  }
  barrier();
  float total = parts[0];
  for (int64_t i = 1; i < threads / kWarp; ++i) {
    total = total + parts[i];
  }
  return total;
}

/// 1 / sqrt(mean(x^2) + eps), where load(i, chunk) gives the numbers of a row.
template <class Load>
FATHOM_INLINE float inverse_rms(int64_t width, float eps, const Load &load) {
  float squares = 0.0f;
  for_each_chunk(width, [&](int64_t i) FATHOM_INLINED {
    Chunk x;
    load(i, x);
    FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { squares = __builtin_fmaf(x[j], x[j], squares); }
  });
  float mean = sum_of_block(squares, threads_of(width)) / static_cast<float>(width);
  return 1.0f / __builtin_elementwise_sqrt(mean + eps);
}

FATHOM_INLINE void normalize_row(const Row &x, const Row &weight, float eps, const Row &out) {
  float factor = inverse_rms(x.width, eps, [&](int64_t i, Chunk &to) FATHOM_INLINED { x.load(i, to); });
  for_each_chunk(x.width, [&](int64_t i) FATHOM_INLINED {
    Chunk value, scale;
    x.load(i, value);
    weight.load(i, scale);
    FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { value[j] = value[j] * factor * scale[j]; }
    out.store(i, value);
  });
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_NORM_H

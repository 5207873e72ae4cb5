// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row's RMS norm: out = x / sqrt(mean(x^2) + eps) * w.
//
// The squares are added in sixteen lanes, then in a fixed tree.

#ifndef FATHOM_KERNELS_CPU_NORM_H
#define FATHOM_KERNELS_CPU_NORM_H

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

/// 1 / sqrt(mean(x^2) + eps).
FATHOM_INLINE float inverse_rms(const Activation &x, int64_t count, float eps) {
  f32x16 squares = 0.0f;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    squares = fma(load(x + i), load(x + i), squares);
  }
  if (i < count) {
    f32x16 rest = load_part(x + i, count - i);
    squares = fma(rest, rest, squares);
  }
  return 1.0f / __builtin_elementwise_sqrt(sum(squares) / static_cast<float>(count) + eps);
}

template <class Weight>
FATHOM_INLINE void normalize_row(const Activation &x, const typename Weight::Stored *weight, int64_t count, float eps,
                                 const Activation &out) {
  float factor = inverse_rms(x, count, eps);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(out + i, load(x + i) * factor * Weight::template decode<16>(weight + i));
  }
  for (; i < count; ++i) {
    out[i] = x[i] * factor * Weight::template decode<1>(weight + i)[0];
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_NORM_H

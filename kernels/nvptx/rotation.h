// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding of a head by the angles of a position, f32 [count / 2][2] of cosine and sine.

#ifndef FATHOM_KERNELS_NVPTX_ROTATION_H
#define FATHOM_KERNELS_NVPTX_ROTATION_H

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

/// Number i of a head of which the first `count` rotate: pairs are (x[i], x[i + count / 2]) where halves are split,
/// else (x[2i], x[2i + 1]).
FATHOM_INLINE float rotated(const Numbers &x, const float *angles, int64_t count, bool half_split, int64_t i) {
  int64_t half = count / 2, pair = half_split ? i % greater(half, 1) : i / 2;
  bool second = half_split ? i >= half : i % 2 == 1;
  if (pair >= half || i >= 2 * half) {
    return x[i];
  }
  int64_t first = half_split ? pair : 2 * pair;
  float a = x[first], b = x[first + (half_split ? half : 1)];
  float cosine = angles[2 * pair], sine = angles[2 * pair + 1];
  return second ? a * sine + b * cosine : a * cosine - b * sine;
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_ROTATION_H

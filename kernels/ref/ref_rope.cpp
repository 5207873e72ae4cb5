// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary position embedding from a table of cosines and sines.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void rope(const float *x, const int32_t *positions, const float *table, int64_t T, int64_t heads, int64_t d,
          RopeLayout layout, float *out) {
  int64_t half = d / 2;
  bool interleaved = layout == RopeLayout::Interleaved;
  for (int64_t row = 0; row < T * heads; ++row) {
    const float *angles = table + positions[row / heads] * d;
    for (int64_t i = 0; i < half; ++i) {
      int64_t first = row * d + (interleaved ? 2 * i : i);
      int64_t second = first + (interleaved ? 1 : half);
      double a = x[first], b = x[second], cosine = angles[2 * i], sine = angles[2 * i + 1];
      out[first] = static_cast<float>(a * cosine - b * sine);
      out[second] = static_cast<float>(a * sine + b * cosine);
    }
  }
}

} // namespace fathom::ref

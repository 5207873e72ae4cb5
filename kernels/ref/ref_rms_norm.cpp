// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RMS norm.

#include "kernels/ref/ref.h"

#include <cmath>

namespace fathom::ref {

void rms_norm(const float *x, const float *w, int64_t T, int64_t H, double eps, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    double squares = 0;
    for (int64_t i = 0; i < H; ++i) {
      squares += static_cast<double>(x[t * H + i]) * x[t * H + i];
    }
    double factor = 1.0 / std::sqrt(squares / static_cast<double>(H) + eps);
    for (int64_t i = 0; i < H; ++i) {
      out[t * H + i] = static_cast<float>(x[t * H + i] * factor * w[i]);
    }
  }
}

} // namespace fathom::ref

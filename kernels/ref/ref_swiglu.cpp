// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SiLU and the gated product.

#include "kernels/ref/ref.h"

#include <cmath>

namespace fathom::ref {

float silu(float x) { return static_cast<float>(x / (1.0 + std::exp(-static_cast<double>(x)))); }

void swiglu(const float *gate, const float *up, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<float>(gate[i] / (1.0 + std::exp(-static_cast<double>(gate[i]))) * up[i]);
  }
}

} // namespace fathom::ref

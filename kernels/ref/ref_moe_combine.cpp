// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weighted sum of a token's slots.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void moe_combine(const float *y, const int32_t *slot, const float *weights, int64_t T, int64_t H, int64_t k,
                 float *out) {
  for (int64_t i = 0; i < T * H; ++i) {
    int64_t t = i / H;
    double sum = 0;
    for (int64_t j = 0; j < k; ++j) {
      sum += static_cast<double>(weights[t * k + j]) * y[slot[t * k + j] * H + i % H];
    }
    out[i] = static_cast<float>(sum);
  }
}

} // namespace fathom::ref

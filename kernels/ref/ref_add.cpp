// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise sums.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void add(const float *a, const float *b, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = a[i] + b[i];
  }
}

void add_bias(const float *x, const float *bias, int64_t T, int64_t N, float *out) {
  for (int64_t i = 0; i < T * N; ++i) {
    out[i] = x[i] + bias[i % N];
  }
}

} // namespace fathom::ref

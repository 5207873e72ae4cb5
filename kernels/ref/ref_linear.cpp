// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense product with a transposed weight.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void linear(const float *x, const float *w, int64_t T, int64_t K, int64_t N, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < N; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < K; ++k) {
        sum += static_cast<double>(x[t * K + k]) * w[n * K + k];
      }
      out[t * N + n] = static_cast<float>(sum);
    }
  }
}

} // namespace fathom::ref

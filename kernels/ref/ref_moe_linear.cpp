// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each slot times the weight of its expert.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void moe_linear(const float *x, const int32_t *offsets, const int32_t *source_row, const float *const *w, int64_t E,
                int64_t K, int64_t N, float *out) {
  for (int64_t e = 0; e < E; ++e) {
    for (int64_t s = offsets[e]; s < offsets[e + 1]; ++s) {
      int64_t row = source_row ? source_row[s] : s;
      linear(x + row * K, w[e], 1, K, N, out + s * N);
    }
  }
}

} // namespace fathom::ref

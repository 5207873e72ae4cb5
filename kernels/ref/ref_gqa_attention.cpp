// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of heads that share keys and values in groups.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void gqa_attention(const float *q, const float *keys, const float *values, const int32_t *positions, int64_t T,
                   const GqaShape &shape, double scale, float *out) {
  int64_t d = shape.head_dim, width = shape.kv_heads * d;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t first = row % shape.heads / (shape.heads / shape.kv_heads) * d;
    int64_t seen = positions[row / shape.heads] + 1;
    std::vector<double> scores(seen);
    for (int64_t key = 0; key < seen; ++key) {
      for (int64_t i = 0; i < d; ++i) {
        scores[key] += static_cast<double>(q[row * d + i]) * keys[key * width + first + i] * scale;
      }
    }
    softmax(scores);
    for (int64_t i = 0; i < d; ++i) {
      double value = 0;
      for (int64_t key = 0; key < seen; ++key) {
        value += scores[key] * values[key * width + first + i];
      }
      out[row * d + i] = static_cast<float>(value);
    }
  }
}

} // namespace fathom::ref

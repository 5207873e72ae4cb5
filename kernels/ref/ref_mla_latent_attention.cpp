// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of absorbed queries over latents.

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::ref {

void mla_latent_attention(const float *q, const float *latents, const int32_t *positions, int64_t T,
                          const MlaShape &shape, double scale, float *out) {
  int64_t width = shape.rank + shape.rope;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    std::vector<double> scores(positions[row / shape.heads] + 1);
    for (size_t key = 0; key < scores.size(); ++key) {
      for (int64_t i = 0; i < width; ++i) {
        scores[key] += static_cast<double>(q[row * width + i]) * latents[key * width + i] * scale;
      }
    }
    double largest = *std::max_element(scores.begin(), scores.end()), sum = 0;
    for (double &score : scores) {
      score = std::exp(score - largest);
      sum += score;
    }
    for (int64_t i = 0; i < shape.rank; ++i) {
      double value = 0;
      for (size_t key = 0; key < scores.size(); ++key) {
        value += scores[key] * latents[key * width + i];
      }
      out[row * shape.rank + i] = static_cast<float>(value / sum);
    }
  }
}

} // namespace fathom::ref

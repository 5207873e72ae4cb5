// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention with expanded keys and values.

#include "kernels/ref/ref.h"

#include <algorithm>

namespace fathom::ref {

void mla_attention(const float *q, const float *kv_b, const float *latents, const int32_t *positions,
                   const float *table, int64_t T, const MlaShape &shape, double scale, float *out) {
  int64_t query = shape.nope + shape.rope, width = shape.rank + shape.rope, both = shape.nope + shape.value;
  int64_t keys = *std::max_element(positions, positions + T) + 1;
  std::vector<float> expanded(keys * both), rotated(shape.rope);
  for (int64_t h = 0; h < shape.heads; ++h) {
    for (int64_t key = 0; key < keys; ++key) {
      linear(latents + key * width, kv_b + h * both * shape.rank, 1, shape.rank, both, &expanded[key * both]);
    }
    for (int64_t t = 0; t < T; ++t) {
      const float *head = q + (t * shape.heads + h) * query;
      rope(head + shape.nope, positions + t, table, 1, 1, shape.rope, RopeLayout::Interleaved, rotated.data());
      std::vector<double> scores(positions[t] + 1);
      for (size_t key = 0; key < scores.size(); ++key) {
        for (int64_t i = 0; i < shape.nope; ++i) {
          scores[key] += static_cast<double>(head[i]) * expanded[key * both + i] * scale;
        }
        for (int64_t i = 0; i < shape.rope; ++i) {
          scores[key] += static_cast<double>(rotated[i]) * latents[key * width + shape.rank + i] * scale;
        }
      }
      softmax(scores);
      for (int64_t i = 0; i < shape.value; ++i) {
        double value = 0;
        for (size_t key = 0; key < scores.size(); ++key) {
          value += scores[key] * expanded[key * both + shape.nope + i];
        }
        out[(t * shape.heads + h) * shape.value + i] = static_cast<float>(value);
      }
    }
  }
}

} // namespace fathom::ref

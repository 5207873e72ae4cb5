// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries in the space of latents.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void mla_absorb_query(const float *q, const float *kv_b, const int32_t *positions, const float *table, int64_t T,
                      const MlaShape &shape, float *out) {
  int64_t query = shape.nope + shape.rope, width = shape.rank + shape.rope;
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    const float *keys = kv_b + row % shape.heads * (shape.nope + shape.value) * shape.rank;
    for (int64_t c = 0; c < shape.rank; ++c) {
      double sum = 0;
      for (int64_t d = 0; d < shape.nope; ++d) {
        sum += static_cast<double>(q[row * query + d]) * keys[d * shape.rank + c];
      }
      out[row * width + c] = static_cast<float>(sum);
    }
    rope(q + row * query + shape.nope, positions + row / shape.heads, table, 1, 1, shape.rope, RopeLayout::Interleaved,
         out + row * width + shape.rank);
  }
}

} // namespace fathom::ref

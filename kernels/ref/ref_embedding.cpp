// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a table.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void embedding(const int32_t *tokens, const float *table, int64_t T, int64_t V, int64_t H, float *out) {
  for (int64_t t = 0; t < T; ++t) {
    bool known = tokens[t] >= 0 && tokens[t] < V;
    for (int64_t i = 0; i < H; ++i) {
      out[t * H + i] = known ? table[tokens[t] * H + i] : 0.0f;
    }
  }
}

} // namespace fathom::ref

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention results out of the space of latents.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void mla_expand_output(const float *o, const float *kv_b, int64_t T, const MlaShape &shape, float *out) {
  for (int64_t row = 0; row < T * shape.heads; ++row) {
    int64_t first = row % shape.heads * (shape.nope + shape.value) + shape.nope;
    linear(o + row * shape.rank, kv_b + first * shape.rank, 1, shape.rank, shape.value, out + row * shape.value);
  }
}

} // namespace fathom::ref

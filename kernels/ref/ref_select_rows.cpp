// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of an activation.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void select_rows(const float *x, const int32_t *ids, int64_t rows, int64_t H, float *out) {
  for (int64_t i = 0; i < rows * H; ++i) {
    out[i] = x[ids[i / H] * H + i % H];
  }
}

} // namespace fathom::ref

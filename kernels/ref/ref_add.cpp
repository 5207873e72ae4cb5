// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise sum.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void add(const float *a, const float *b, int64_t count, float *out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = a[i] + b[i];
  }
}

} // namespace fathom::ref

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of the latent cache.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void mla_append(const float *kv, const float *w, const float *table, int32_t position, int64_t r, int64_t dr,
                double eps, float *cache_row) {
  rms_norm(kv, w, 1, r, eps, cache_row);
  rope(kv + r, &position, table, 1, 1, dr, RopeLayout::Interleaved, cache_row + r);
}

} // namespace fathom::ref

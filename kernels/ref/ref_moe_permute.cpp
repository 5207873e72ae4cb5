// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorts (token, choice) pairs by expert.

#include "kernels/ref/ref.h"

namespace fathom::ref {

void moe_permute(const int32_t *ids, int64_t T, int64_t E, int64_t k, int32_t *offsets, int32_t *source_row,
                 int32_t *slot) {
  int32_t next = 0;
  for (int64_t e = 0; e < E; ++e) {
    offsets[e] = next;
    for (int64_t i = 0; i < T * k; ++i) {
      if (ids[i] == e) {
        source_row[next] = static_cast<int32_t>(i / k);
        slot[i] = next++;
      }
    }
  }
  offsets[E] = next;
}

} // namespace fathom::ref

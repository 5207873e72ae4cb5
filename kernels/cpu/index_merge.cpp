// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The other half of index_select: the k best candidates of all parts of a row.
//
// Operands: scores f32 [T, parts, k] and ids i32 [T, parts, k] as index_candidates leaves them, out i32 [T, k]:
// positions, ascending, -1 behind the last. An item is a row.

#include "kernels/cpu/candidates.h"

namespace fathom::cpu {

struct IndexMerge : RowItems<index_merge_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t all = c[parts] * c[k];
    const float *scores = operand<const float>(dispatch, 0) + item * all;
    const int32_t *ids = operand<const int32_t>(dispatch, 1) + item * all;
    Candidates best(static_cast<Candidate *>(scratch), c[k]);
    for (int64_t j = 0; j < all; ++j) {
      if (ids[j] >= 0) {
        best.add(scores[j], ids[j]);
      }
    }
    best.keep();
    best.store_positions(operand<int32_t>(dispatch, 2) + item * c[k]);
  }
};

FATHOM_DEFINE_KERNEL(IndexMerge)

} // namespace fathom::cpu

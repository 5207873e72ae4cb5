// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The other half of index_select: the k best candidates of all parts of a row. A block takes a row.
//
// Operands: scores f32 [T, parts, k], ids i32 [T, parts, k] and bounds f32 [T, parts] as index_candidates leaves them,
// q, w and store as it has them, out i32 [T, k]: positions, ascending, -1 behind the last. Scores are exact, so that
// bounds and what scores were made of are not read, nor parts behind those in use, which are empty.

#include "kernels/nvptx/index_search.h"

namespace fathom::nv {

struct IndexMerge : index_merge_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t most = c[parts] * c[k];
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      int64_t count = used_parts(dispatch->positions[row] + 1, c[k], c[parts]) * c[k];
      const float *scores = operand<const float>(dispatch, 0) + row * most;
      const int32_t *ids = operand<const int32_t>(dispatch, 1) + row * most;
      Candidates best(shared<char>(), c[k]);
      for (int64_t first = 0; first < count; first += kIndexKeys) {
        int64_t i = first + thread();
        bool there = thread() < kIndexKeys && i < count && ids[i] >= 0;
        best.add(there, there ? scores[i] : 0.0f, there ? ids[i] : 0);
      }
      best.keep();
      best.store_positions(operand<int32_t>(dispatch, 5) + row * c[k]);
    });
  }
};

FATHOM_DEFINE_KERNEL(IndexMerge)

} // namespace fathom::nv

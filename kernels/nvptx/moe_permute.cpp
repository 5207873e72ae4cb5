// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens sorted by expert. A block takes an expert.
//
// Operands: ids i32[T, k], offsets i32[E + 1], source_row i32[T * k], slot i32[T, k].
//
// Slots are (token, choice) pairs sorted by expert, in order of (token, choice) within one: expert e has the slots
// [offsets[e], offsets[e + 1]), source_row[slot] is a slot's token and slot[t, j] the slot of a pair. A block counts
// the pairs of experts before its own, then ranks its own: whole numbers, without atomics, so that slots are the same
// each time.

#include "kernels/nvptx/counting.h"

namespace fathom::nv {

struct MoePermute : moe_permute_op {
  static FATHOM_INLINE int32_t count_before(const int32_t *ids, int64_t pairs, int64_t expert, BlockSums &sums) {
    int32_t count = 0;
    for (int64_t i = thread(); i < pairs; i += kThreads) {
      count += ids[i] < expert;
    }
    return sums.sum(count);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    auto *ids = operand<const int32_t>(dispatch, 0);
    auto *offsets = operand<int32_t>(dispatch, 1);
    auto *source_row = operand<int32_t>(dispatch, 2);
    auto *slot = operand<int32_t>(dispatch, 3);
    int64_t pairs = dispatch->rows * c[k];
    BlockSums sums = {shared<int32_t>()};
    for_each_unit(c[E], [&](int64_t expert) FATHOM_INLINED {
      int32_t next = count_before(ids, pairs, expert, sums);
      if (thread() == 0) {
        offsets[expert] = next;
      }
      for (int64_t first = 0; first < pairs; first += kThreads) {
        int64_t i = first + thread();
        bool own = i < pairs && ids[i] == expert;
        Counts counts = sums.count_threads(own);
        if (own) {
          int32_t to = next + counts.before;
          slot[i] = to;
          source_row[to] = static_cast<int32_t>(i / c[k]);
        }
        next += counts.total;
      }
      if (thread() == 0 && expert == c[E] - 1) {
        offsets[c[E]] = next;
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(MoePermute)

} // namespace fathom::nv

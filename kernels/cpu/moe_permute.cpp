// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens sorted by expert.
//
// Operands: ids i32[T, k], offsets i32[E + 1], source_row i32[T * k], slot i32[T, k].
//
// Slots are (token, choice) pairs sorted by expert, in order of (token, choice) within one: expert e has the slots
// [offsets[e], offsets[e + 1]), source_row[slot] is a slot's token and slot[t, j] the slot of a pair. One item.

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

struct MoePermute : moe_permute_constants {
  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t * /*c*/) { return 1; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t /*item*/, void *scratch) {
    auto *ids = operand<const int32_t>(dispatch, 0);
    auto *offsets = operand<int32_t>(dispatch, 1);
    auto *source_row = operand<int32_t>(dispatch, 2);
    auto *slot = operand<int32_t>(dispatch, 3);
    auto *next = static_cast<int32_t *>(scratch);
    int64_t pairs = dispatch->rows * c[k];
    for (int64_t e = 0; e < c[E]; ++e) {
      next[e] = 0;
    }
    for (int64_t i = 0; i < pairs; ++i) {
      ++next[ids[i]];
    }
    offsets[0] = 0;
    for (int64_t e = 0; e < c[E]; ++e) {
      offsets[e + 1] = offsets[e] + next[e];
      next[e] = offsets[e];
    }
    for (int64_t i = 0; i < pairs; ++i) {
      int32_t to = next[ids[i]]++;
      slot[i] = to;
      source_row[to] = static_cast<int32_t>(i / c[k]);
    }
  }
};

FATHOM_DEFINE_KERNEL(MoePermute)

} // namespace fathom::cpu

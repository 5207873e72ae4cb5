// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes rows to a store of the cache. A token is an item.
//
// Operands: x [T, x_stride] from column x_offset on, of which G * d columns are a row of d numbers for each head.

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

struct CacheAppend : RowItems<cache_append_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    const float *x = operand<const float>(dispatch, 0) + item * c[x_stride] + c[x_offset];
    for (int64_t head = 0; head < c[G]; ++head) {
      float *to = cache_row(dispatch, item, dispatch->positions[item], c[store], c[d], c[G], head);
      for (int64_t i = 0; i < c[d]; ++i) {
        to[i] = x[head * c[d] + i];
      }
    }
  }
};

FATHOM_DEFINE_KERNEL(CacheAppend)

} // namespace fathom::cpu

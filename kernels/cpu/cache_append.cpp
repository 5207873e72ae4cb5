// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes rows to a store of the cache, in its format. A token is an item.
//
// Operands: x [T, x_stride] from column x_offset on, of which G * d columns are a row of d numbers for each head.

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

struct CacheAppend : RowItems<cache_append_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    Activation x = activation(dispatch, 0, c[x_element]) + item * c[x_stride] + c[x_offset];
    RowFormat format = row_format(c[element], c[d]);
    for (int64_t head = 0; head < c[G]; ++head) {
      char *to = cache_row(dispatch, item, dispatch->positions[item], c[store], format, c[G], head);
      encode_row(read_numbers(x + head * c[d], c[d], static_cast<float *>(scratch)), format, to);
    }
  }
};

FATHOM_DEFINE_KERNEL(CacheAppend)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes rows to a store of the cache, in its format. A block takes a head of a token.
//
// Operands: x [T, x_stride] from column x_offset on, of which G * d columns are a row of d numbers for each head.

#include "kernels/nvptx/cache_rows.h"

namespace fathom::nv {

struct CacheAppend : cache_append_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    RowFormat format(c[element], c[d]);
    for_each_unit(dispatch->rows * c[G], [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / c[G], head = unit % c[G];
      Numbers x = numbers(dispatch, 0, c[x_element]) + (row * c[x_stride] + c[x_offset] + head * c[d]);
      char *to = cache_row(dispatch, row, dispatch->positions[row], c[store], format, c[G], head);
      encode_row([&](int64_t i) FATHOM_INLINED { return x[i]; }, format, threads_of(c[d]), to);
    });
  }
};

FATHOM_DEFINE_KERNEL(CacheAppend)

} // namespace fathom::nv

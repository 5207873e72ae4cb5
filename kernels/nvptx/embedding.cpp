// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a table.
//
// Operands: tokens i32[T], table [V, H] row by row, out [T, H]. A token outside the table reads as zeros.

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

template <class Weight>
struct Embedding : embedding_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      int64_t token = operand<const int32_t>(dispatch, 0)[row];
      bool known = token >= 0 && token < c[V];
      Row from(numbers(dispatch, 1, Weight::kElement), known ? token : 0, c[H]);
      Row to(numbers(dispatch, 2, c[out_element]), row, c[H]);
      for_each_chunk(c[H], [&](int64_t i) FATHOM_INLINED {
        Chunk value = {};
        if (known) {
          from.load(i, value);
        }
        to.store(i, value);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(Embedding<Weight>)

} // namespace fathom::nv

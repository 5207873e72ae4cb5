// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of an activation, picked by an index.
//
// Operands: x [T, H], ids i32[rows], out [rows, H].

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct SelectRows : select_rows_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Row from(numbers(dispatch, 0, c[x_element]), operand<const int32_t>(dispatch, 1)[row], c[H]);
      Row to(numbers(dispatch, 2, c[x_element]), row, c[H]);
      for_each_chunk(c[H], [&](int64_t i) FATHOM_INLINED {
        Chunk value;
        from.load(i, value);
        to.store(i, value);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(SelectRows)

} // namespace fathom::nv

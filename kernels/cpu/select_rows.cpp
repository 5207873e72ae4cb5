// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of an activation, picked by an index.
//
// Operands: x [T, H], ids i32[rows], out [rows, H].

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

struct SelectRows : RowItems<select_rows_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    int64_t row = operand<const int32_t>(dispatch, 1)[item];
    copy_numbers(activation(dispatch, 0, c[x_element]) + row * c[H], c[H],
                 activation(dispatch, 2, c[x_element]) + item * c[H]);
  }
};

FATHOM_DEFINE_KERNEL(SelectRows)

} // namespace fathom::cpu

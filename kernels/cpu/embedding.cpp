// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a table.
//
// Operands: tokens i32[T], table [V, H] row by row, out [T, H]. A token outside the table reads as zeros.

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

template <class Weight>
struct Embedding : RowItems<embedding_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    int64_t token = operand<const int32_t>(dispatch, 0)[item];
    Activation out = activation(dispatch, 2, c[out_element]) + item * c[H];
    if (token < 0 || token >= c[V]) {
      for (int64_t i = 0; i < c[H]; ++i) {
        out[i] = 0.0f;
      }
      return;
    }
    constexpr int64_t kElement = __is_same(Weight, Bf16) ? FATHOM_ROW_BF16 : FATHOM_ROW_F32;
    copy_numbers(activation(dispatch, 1, kElement) + token * c[H], c[H], out);
  }
};

FATHOM_DEFINE_KERNEL(Embedding<Weight>)

} // namespace fathom::cpu

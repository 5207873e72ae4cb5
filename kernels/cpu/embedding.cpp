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
    float *out = operand<float>(dispatch, 2) + item * c[H];
    if (token < 0 || token >= c[V]) {
      for (int64_t i = 0; i < c[H]; ++i) {
        out[i] = 0.0f;
      }
      return;
    }
    auto *table = operand<const typename Weight::Stored>(dispatch, 1);
    decode_row<Weight>(table + token * c[H], nullptr, 0, c[H], out);
  }
};

FATHOM_DEFINE_KERNEL(Embedding<Weight>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Residual sum, then its RMS norm. A block takes a token.
//
// Operands: x [T, H], residual [T, H], w [H], sum [T, H] = x + residual, out [T, H] = norm of the sum as it is stored.
// A thread reads only what it has written of the sum.

#include "kernels/nvptx/norm.h"

namespace fathom::nv {

template <class Weight>
struct AddRmsNorm : add_rms_norm_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      auto row_of = [&](int index) FATHOM_INLINED { return Row(numbers(dispatch, index, c[x_element]), row, c[H]); };
      Row x = row_of(0), residual = row_of(1), sum = row_of(3);
      for_each_chunk(c[H], [&](int64_t i) FATHOM_INLINED {
        Chunk a, b;
        x.load(i, a);
        residual.load(i, b);
        FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { a[j] = a[j] + b[j]; }
        sum.store(i, a);
      });
      normalize_row(sum, Row(numbers(dispatch, 2, Weight::kElement), 0, c[H]), real(c[eps]), row_of(4));
    });
  }
};

FATHOM_DEFINE_KERNEL(AddRmsNorm<Weight>)

} // namespace fathom::nv

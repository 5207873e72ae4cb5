// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experts' results of a token added up. A block takes some numbers of a token, and a thread one of them: what the
// epilogue reads then lies side by side as well.
//
// Operands: y [T * k, H], slot i32[T, k], weights f32[T, k], out [T, H] = sum over j of weights[j] * y[slot[j]] in
// order, then the epilogue's.

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct MoeCombine : moe_combine_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t of_row = ceil_div(c[H], kThreads);
    for_each_unit(dispatch->rows * of_row, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / of_row, i = unit % of_row * kThreads + thread();
      if (i < c[H]) {
        const int32_t *slot = operand<const int32_t>(dispatch, 1) + row * c[k];
        const float *weights = operand<const float>(dispatch, 2) + row * c[k];
        float total = 0.0f;
        for (int64_t j = 0; j < c[k]; ++j) {
          total = __builtin_fmaf(weights[j], numbers(dispatch, 0, c[x_element])[slot[j] * c[H] + i], total);
        }
        numbers(dispatch, 3, c[x_element]).set(row * c[H] + i, fathom_epilogue_scalar(dispatch, row, i, total));
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(MoeCombine)

} // namespace fathom::nv

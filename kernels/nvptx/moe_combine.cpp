// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experts' results of a token added up. A block takes a token.
//
// Operands: y [T * k, H], slot i32[T, k], weights f32[T, k], out [T, H] = sum over j of weights[j] * y[slot[j]] in
// order, then the epilogue's.

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct MoeCombine : moe_combine_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      const int32_t *slot = operand<const int32_t>(dispatch, 1) + row * c[k];
      const float *weights = operand<const float>(dispatch, 2) + row * c[k];
      Row out(numbers(dispatch, 3, c[x_element]), row, c[H]);
      for_each_chunk(c[H], [&](int64_t i) FATHOM_INLINED {
        Chunk total = {};
        for (int64_t j = 0; j < c[k]; ++j) {
          Chunk y;
          Row(numbers(dispatch, 0, c[x_element]), slot[j], c[H]).load(i, y);
          FATHOM_UNROLL for (int n = 0; n < kChunk; ++n) { total[n] = __builtin_fmaf(weights[j], y[n], total[n]); }
        }
        FATHOM_UNROLL for (int n = 0; n < kChunk; ++n) {
          total[n] = i + n < c[H] ? fathom_epilogue_scalar(dispatch, row, i + n, total[n]) : 0.0f;
        }
        out.store(i, total);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(MoeCombine)

} // namespace fathom::nv

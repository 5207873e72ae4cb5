// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense products out[rows, N] = x[rows, K] * W^T, weights in panels or row by row, optionally gated.
//
// Operands: x, w, scale (quantized weights only), out, then whatever the epilogue reads.
// A gated product takes panels that alternate gate and up: out = silu(x * gate) * (x * up).

#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

template <class Tile, class Source, bool Gated = false>
struct Gemm : gemm_constants {
  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) {
    return ceil_div(ceil_div(c[N], kPanel), c[panels_per_item]);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Source::kScaled ? 3 : 2;
    Source weights(operand<const void>(dispatch, 1), Source::kScaled ? operand<const void>(dispatch, 2) : nullptr, c[N],
                   c[K]);
    RowSource x{activation(dispatch, 0, c[x_element]) + c[x_offset], c[x_stride]};
    Output out{activation(dispatch, kOut, c[out_element]) + c[out_offset], c[out_stride], c[N]};
    int64_t first = item * c[panels_per_item];
    int64_t panels = size_of_part(ceil_div(c[N], kPanel), c[panels_per_item], first);
    multiply_and_finish<Tile, Gated>(dispatch, weights, x, dispatch->rows, first, panels, 0, out, scratch);
  }
};

FATHOM_DEFINE_KERNEL(Gemm<Tile, Weights, kOp == Op::gemm_swiglu>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense products out[rows, N] = x[rows, K] * W^T, optionally gated. A block takes a tile.
//
// Operands: x, w in panels, scale (quantized weights only), out, then whatever the epilogue reads. A gated product
// takes panels that alternate gate and up: out = silu(x * gate) * (x * up).

#include "kernels/nvptx/products.h"

namespace fathom::nv {

template <class Weight, bool Gated>
struct Gemm : gemm_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    constexpr int kOut = Weight::kQuantized ? 3 : 2;
    using Matrix = PanelMatrix<Weight, Gated>;
    Matrix weights = {operand<const char>(dispatch, 1),
                      Weight::kQuantized ? operand<const float>(dispatch, 2) : nullptr, c[N], c[K]};
    Tokens x = {numbers(dispatch, 0, c[x_element]) + c[x_offset], c[x_stride],
                c[x_stride] % kChunk == 0 && c[x_offset] % kChunk == 0};
    Finish<Gated> finish = {dispatch, numbers(dispatch, kOut, c[out_element]) + c[out_offset], c[out_stride], 0};
    begin_products_of<Matrix>(
        x, [&](auto &ring) FATHOM_INLINED { multiply_rows(weights, x, dispatch->rows, block(), finish, ring); });
  }
};

FATHOM_DEFINE_KERNEL(Gemm<Weight, kOp == Op::gemm_swiglu>)

} // namespace fathom::nv

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experts' products: out[slot, N] = x[row, K] * W[expert]^T, rows are slots, sorted by expert; optionally gated.
//
// Operands: x, offsets i32[E+1], source_row i32[T*k], weights and scales of all experts, one after the other (scales of
// quantized weights only), out[T*k, N], then the epilogue's. `gather`: x row = source_row[slot]; else x row = slot.
//
// How many rows an expert has is known on the device alone: blocks go through the tiles of all experts in turns, as
// `offsets` tells, and what an expert without rows costs is reading that.

#include "kernels/nvptx/products.h"

namespace fathom::nv {

template <class Weight, bool Gated>
struct MoeGemm : moe_gemm_op {
  using Matrix = PanelMatrix<Weight, Gated>;

  static FATHOM_INLINE Matrix weights_of(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t expert) {
    Matrix weights = {operand<const char>(dispatch, 3), nullptr, c[N], c[K]};
    weights.data += expert * weights.rows() * c[K] * Matrix::kBytes;
    if constexpr (Weight::kQuantized) {
      weights.scales = operand<const float>(dispatch, 4) + expert * weights.rows() * ceil_div(c[K], FATHOM_SCALE_BLOCK);
    }
    return weights;
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    constexpr int kOut = Weight::kQuantized ? 5 : 4;
    auto *offsets = operand<const int32_t>(dispatch, 1);
    Tokens all = {numbers(dispatch, 0, c[x_element]), c[K], c[K] % kChunk == 0};
    auto rows_of = [&](int64_t expert) FATHOM_INLINED -> int64_t { return offsets[expert + 1] - offsets[expert]; };
    auto count = [&](int64_t expert) FATHOM_INLINED { return count_tiles_of<Matrix>(all, c[N], rows_of(expert)); };
    begin_products_of<Matrix>(all, [&](auto &ring) FATHOM_INLINED {
      take_turns(c[E], count, [&](int64_t expert, int64_t tile) FATHOM_INLINED {
        int64_t slot = offsets[expert];
        Tokens x = all;
        x.data = c[gather] ? x.data : x.data + slot * c[K];
        x.index = c[gather] ? operand<const int32_t>(dispatch, 2) + slot : nullptr;
        Finish<Gated> finish = {dispatch, numbers(dispatch, kOut, c[out_element]), c[N], slot};
        multiply_rows(weights_of(dispatch, c, expert), x, rows_of(expert), tile, finish, ring);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(MoeGemm<Weight, kOp == Op::moe_gemm_swiglu>)

} // namespace fathom::nv

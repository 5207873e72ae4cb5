// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experts' products: out[slot, N] = x[row, K] * W[expert]^T, rows are slots, sorted by expert; optionally gated.
//
// Operands: x, offsets i32[E+1], source_row i32[T*k], weights and scales of all experts (scales of quantized weights
// only; panels are a stack, rows a table), out[T*k, N], then the epilogue's. `gather`: x row = source_row[slot]; else x
// row = slot.

#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

template <class Tile, class Source, bool Gated = false>
struct MoeGemm : moe_gemm_constants {
  static FATHOM_INLINE int64_t chunks(const int64_t *c) { return ceil_div(ceil_div(c[N], kPanel), c[panels_per_item]); }

  /// Experts that can have rows: with few rows only so many, whichever they are.
  static FATHOM_INLINE int64_t active(int64_t rows, const int64_t *c) { return smaller(c[E], rows * c[k]); }

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) { return active(rows, c) * chunks(c); }

  /// The expert that is number `index` of those with rows, or E.
  static FATHOM_INLINE int64_t find_expert(const int32_t *offsets, int64_t index, int64_t experts) {
    for (int64_t e = 0; e < experts; ++e) {
      index -= offsets[e] != offsets[e + 1];
      if (index < 0) {
        return e;
      }
    }
    return experts;
  }

  /// Number `expert` of operand `index`: panels are a stack of `bytes` each, rows a table of addresses.
  static FATHOM_INLINE const void *part_of(const fathom_dispatch_t *dispatch, int index, int64_t expert,
                                           int64_t bytes) {
    if constexpr (Source::kPanels) {
      return operand<const char>(dispatch, index) + expert * bytes;
    } else {
      return operand<const void *const>(dispatch, index)[expert];
    }
  }

  static FATHOM_INLINE Source weights_of(const fathom_dispatch_t *dispatch, int64_t expert, const int64_t *c) {
    int64_t columns = ceil_div(c[N], kPanel) * kPanel * (Gated ? 2 : 1);
    int64_t bytes = columns * c[K] * int64_t(sizeof(typename Source::Type::Stored));
    const void *scale = nullptr;
    if constexpr (Source::kScaled) {
      using Type = typename Source::Type;
      scale =
          part_of(dispatch, 4, expert, columns * ceil_div(c[K], Type::kSteps) * int64_t(sizeof(typename Type::Scale)));
    }
    return {part_of(dispatch, 3, expert, bytes), scale, c[N], c[K]};
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Source::kScaled ? 5 : 4;
    auto *offsets = operand<const int32_t>(dispatch, 1);
    int64_t expert = item / chunks(c);
    if (active(dispatch->rows, c) < c[E]) {
      expert = find_expert(offsets, expert, c[E]);
      if (expert == c[E]) {
        return;
      }
    }
    int64_t slot = offsets[expert];
    int64_t rows = offsets[expert + 1] - slot;
    if (rows == 0) {
      return;
    }
    Source weights = weights_of(dispatch, expert, c);
    Output out{activation(dispatch, kOut, c[out_element]), c[N], c[N]};
    int64_t first = item % chunks(c) * c[panels_per_item];
    int64_t panels = size_of_part(ceil_div(c[N], kPanel), c[panels_per_item], first);
    Activation x = activation(dispatch, 0, c[x_element]);
    int64_t stride = x.isI8() ? fathom_row_bytes(FATHOM_ROW_I8, c[K], 0) : c[K];
    RowSource source = {c[gather] ? x : x + slot * stride, stride,
                        c[gather] ? operand<const int32_t>(dispatch, 2) + slot : nullptr};
    multiply_and_finish<Tile, Gated>(dispatch, weights, source, rows, first, panels, slot, out, scratch);
  }
};

FATHOM_DEFINE_KERNEL(MoeGemm<Tile, Weights, kOp == Op::moe_gemm_swiglu>)

} // namespace fathom::cpu

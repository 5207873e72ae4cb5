// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense products out[rows, N] = x[rows, K] * W^T, weights in panels or row by row, optionally gated.
//
// Operands: x, w, scale (quantised weights only), out, then whatever the epilogue reads.
// A gated product takes panels that alternate gate and up: out = silu(x * gate) * (x * up).

#ifndef FATHOM_KERNELS_CPU_GEMM_H
#define FATHOM_KERNELS_CPU_GEMM_H

#include "kernels/cpu/kernel.h"
#include "kernels/cpu/multiply.h"

namespace fathom::cpu {

/// Where results go: f32, row r of `out` at data + r * stride, N columns.
struct Output {
  float *data;
  int64_t stride;
  int64_t columns;
};

/// The values of one row and one panel of outputs, in `values`.
template <bool Gated>
FATHOM_INLINE void take_values(const Sums &sums, int64_t panel, int64_t row, float *values) {
  FATHOM_UNROLL for (int i = 0; i < kPanel; i += kLanes) {
    if constexpr (Gated) {
      store(values + i, silu(load(sums.at(2 * panel, row) + i)) * load(sums.at(2 * panel + 1, row) + i));
    } else {
      store(values + i, load(sums.at(panel, row) + i));
    }
  }
}

/// Runs the epilogue over output panels [first, first + panels) of every row and stores them from row `row0` on.
template <bool Gated>
FATHOM_INLINE void finish(const fathom_dispatch_t *dispatch, const Sums &sums, int64_t first, int64_t panels,
                          int64_t row0, const Output &out) {
  for (int64_t row = 0; row < sums.rows; ++row) {
    for (int64_t p = 0; p < panels; ++p) {
      alignas(64) float values[kPanel];
      take_values<Gated>(sums, p, row, values);
      int64_t column = (first + p) * kPanel;
      float *to = out.data + (row0 + row) * out.stride + column;
      if (out.columns - column >= kPanel) {
        fathom_epilogue(dispatch, row0 + row, column, kPanel, values);
        store(to, load(values));
        store(to + kLanes, load(values + kLanes));
        continue;
      }
      fathom_epilogue(dispatch, row0 + row, column, out.columns - column, values);
      for (int64_t i = 0; i < out.columns - column; ++i) {
        to[i] = values[i];
      }
    }
  }
}

/// Output panels [first, end) for every row of x.
template <class Tile, bool Gated, class Source, class RowSource>
FATHOM_INLINE void multiply_and_finish(const fathom_dispatch_t *dispatch, const Source &weights, const RowSource &x,
                                       int64_t rows, int64_t first, int64_t end, int64_t row0, const Output &out,
                                       void *scratch) {
  constexpr int64_t kParts = Gated ? 2 : 1;
  auto *memory = static_cast<MultiplyScratch *>(scratch);
  Sums sums(reinterpret_cast<float *>(memory + 1), rows);
  for (int64_t panel = first; panel < end; panel += kGroup / kParts) {
    int64_t panels = smaller(kGroup / kParts, end - panel);
    sums.clear(panels * kParts);
    multiply<Tile>(weights, x, panel * kParts, panels * kParts, memory, sums);
    finish<Gated>(dispatch, sums, panel, panels, row0, out);
  }
}

template <class Tile, class Source, bool Gated = false>
struct Gemm {
  enum Constant { FATHOM_CONSTANTS_GEMM };

  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) {
    return ceil_div(ceil_div(c[N], kPanel), c[panels_per_item]);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Source::kScaled ? 3 : 2;
    Source weights(operand<const void>(dispatch, 1), Source::kScaled ? operand<const void>(dispatch, 2) : nullptr, c[N],
                   c[K]);
    DenseRows x{operand<const float>(dispatch, 0) + c[x_offset], c[x_stride]};
    Output out{operand<float>(dispatch, kOut) + c[out_offset], c[out_stride], c[N]};
    int64_t first = item * c[panels_per_item];
    int64_t end = smaller(first + c[panels_per_item], ceil_div(c[N], kPanel));
    multiply_and_finish<Tile, Gated>(dispatch, weights, x, dispatch->rows, first, end, 0, out, scratch);
  }
};

/// The experts' products: rows are slots, sorted by expert.
///
/// Operands: x, offsets i32[E+1], source_row i32[T*k], table of weights, table of scales (quantised weights
/// only), out[T*k, N], then the epilogue's. `gather`: x row = source_row[slot]; else x row = slot.
template <class Tile, class Source, bool Gated = false>
struct MoeGemm {
  enum Constant { FATHOM_CONSTANTS_MOE_GEMM };

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
    Source weights(operand<const void *const>(dispatch, 3)[expert],
                   Source::kScaled ? operand<const void *const>(dispatch, 4)[expert] : nullptr, c[N], c[K]);
    Output out{operand<float>(dispatch, kOut), c[N], c[N]};
    int64_t first = item % chunks(c) * c[panels_per_item];
    int64_t end = smaller(first + c[panels_per_item], ceil_div(c[N], kPanel));
    auto *x = operand<const float>(dispatch, 0);
    if (c[gather]) {
      GatheredRows picked{x, c[K], operand<const int32_t>(dispatch, 2) + slot};
      multiply_and_finish<Tile, Gated>(dispatch, weights, picked, rows, first, end, slot, out, scratch);
    } else {
      DenseRows dense{x + slot * c[K], c[K]};
      multiply_and_finish<Tile, Gated>(dispatch, weights, dense, rows, first, end, slot, out, scratch);
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_GEMM_H

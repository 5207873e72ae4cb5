// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How results of products leave: through the epilogue that fusion made, into an output with strides.

#ifndef FATHOM_KERNELS_CPU_EPILOGUE_H
#define FATHOM_KERNELS_CPU_EPILOGUE_H

#include "kernels/cpu/kernel.h"

extern "C" {
/// What fusion put behind a kernel: changes `count` results at [row][column...] before they are stored. The
/// compiler supplies the body for each use; the native library has one that does nothing.
void fathom_epilogue(const fathom_dispatch_t *dispatch, int64_t row, int64_t column, int64_t count, float *values);
}

namespace fathom::cpu {

/// Where results go: row r of `out` at data + r * stride, N columns.
struct Output {
  Activation data;
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
      Activation to = out.data + (row0 + row) * out.stride + column;
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

/// Output panels [first, first + count) for every row of x.
template <class Tile, bool Gated, class Source>
FATHOM_INLINE void multiply_and_finish(const fathom_dispatch_t *dispatch, const Source &weights, const RowSource &x,
                                       int64_t rows, int64_t first, int64_t count, int64_t row0, const Output &out,
                                       void *scratch) {
  constexpr int64_t kParts = Gated ? 2 : 1, kPanels = kGroup / kParts;
  auto *memory = static_cast<MultiplyScratch *>(scratch);
  Sums sums(reinterpret_cast<float *>(memory + 1), rows);
  for (int64_t done = 0; done < count; done += kPanels) {
    int64_t panel = first + done, panels = size_of_part(count, kPanels, done);
    sums.clear(panels * kParts);
    multiply<Tile>(weights, x, panel * kParts, panels * kParts, memory, sums);
    finish<Gated>(dispatch, sums, panel, panels, row0, out);
  }
}

/// All of the output, without an epilogue.
template <class Tile, class Source>
FATHOM_INLINE void multiply_and_store(const Source &weights, const RowSource &x, int64_t rows, const Output &out,
                                      void *scratch) {
  auto *memory = static_cast<MultiplyScratch *>(scratch);
  Sums sums(reinterpret_cast<float *>(memory + 1), rows);
  int64_t all = ceil_div(out.columns, kPanel);
  for (int64_t first = 0; first < all; first += kGroup) {
    int64_t panels = smaller(kGroup, all - first);
    sums.clear(panels);
    multiply<Tile>(weights, x, first, panels, memory, sums);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t p = 0; p < panels; ++p) {
        int64_t column = (first + p) * kPanel;
        copy_numbers(sums.at(p, row), smaller(kPanel, out.columns - column), out.data + row * out.stride + column);
      }
    }
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_EPILOGUE_H

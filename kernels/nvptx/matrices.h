// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two sides of a product: weights, row by row or in panels, and rows of activations.
//
// A matrix of weights says how many rows it has, and which of them makes an output; of a gated product two do, which
// are parts 0 and 1 of it. row_of(a + b) = row_of(a) + row_of(b), where a is a multiple of kPanel. Where it
// kScalesSums, its numbers are without scales, which sums get block by block.

#ifndef FATHOM_KERNELS_NVPTX_MATRICES_H
#define FATHOM_KERNELS_NVPTX_MATRICES_H

#include "kernels/nvptx/e4m3.h"
#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

/// Without its scale.
template <class Weight>
FATHOM_INLINE float decode(const char *data, int64_t index) {
  if constexpr (Weight::kQuantized) {
    return decode_e4m3(reinterpret_cast<const uint8_t *>(data)[index]);
  } else {
    return Numbers(data, Weight::kElement)[index];
  }
}

/// Weights [outputs, depth] row by row, with scales [ceil(rows / 128)][ceil(depth / 128)] if quantized; or a range of a
/// tensor's rows.
template <class WeightType>
struct RowMatrix {
  using Weight = WeightType;
  static constexpr bool kPanels = false, kGated = false, kScalesSums = Weight::kQuantized;
  static constexpr int64_t kBytes = sizeof(typename Weight::Stored);

  const char *data; ///< of the tensor
  const float *scales;
  int64_t outputs;
  int64_t depth;
  int64_t first = 0; ///< row of the tensor that is output 0

  FATHOM_INLINE int64_t rows() const { return outputs; }
  static FATHOM_INLINE int64_t row_of(int64_t output, int /*part*/) { return output; }
  FATHOM_INLINE const char *row(int64_t row) const { return data + (first + row) * depth * kBytes; }
  FATHOM_INLINE float number(int64_t row, int64_t k) const { return decode<Weight>(this->row(row), k); }
  FATHOM_INLINE float scale(int64_t row, int64_t k) const {
    return scales[(first + row) / FATHOM_SCALE_BLOCK * ceil_div(depth, FATHOM_SCALE_BLOCK) + k / FATHOM_SCALE_BLOCK];
  }
};

/// Weights in panels, [ceil(outputs / 32)][depth][32], with scales [ceil(outputs / 32)][ceil(depth / 128)][32] if
/// quantized. Of gates and ups there is a panel of each by turns.
template <class WeightType, bool Gated>
struct PanelMatrix {
  using Weight = WeightType;
  static constexpr bool kPanels = true, kGated = Gated, kScalesSums = Weight::kQuantized;
  static constexpr int64_t kBytes = sizeof(typename Weight::Stored);

  const char *data;
  const float *scales;
  int64_t outputs;
  int64_t depth;

  /// With those that fill the last panel.
  FATHOM_INLINE int64_t rows() const { return ceil_div(outputs, kPanel) * kPanel * (Gated ? 2 : 1); }
  static FATHOM_INLINE int64_t row_of(int64_t output, int part) {
    return Gated ? (output / kPanel * 2 + part) * kPanel + output % kPanel : output;
  }
  /// Step k of all rows of a panel.
  FATHOM_INLINE const char *step(int64_t panel, int64_t k) const {
    return data + (panel * depth + k) * kPanel * kBytes;
  }
  /// A piece of 16 bytes, counted from step k of a panel.
  FATHOM_INLINE const char *piece(int64_t panel, int64_t k, int at) const { return step(panel, k) + at * 16; }
  FATHOM_INLINE float number(int64_t row, int64_t k) const {
    return decode<Weight>(step(row / kPanel, k), row % kPanel);
  }
  FATHOM_INLINE float scale(int64_t row, int64_t k) const {
    int64_t blocks = ceil_div(depth, FATHOM_SCALE_BLOCK);
    return scales[(row / kPanel * blocks + k / FATHOM_SCALE_BLOCK) * kPanel + row % kPanel];
  }
};

/// Weights [depth, outputs] row by row: a range of a tensor's rows, down which sums go; scales as of RowMatrix. Columns
/// are as good as panels where they are whole panels, and blocks of scales begin with the range.
template <class WeightType>
struct ColumnMatrix {
  using Weight = WeightType;
  static constexpr bool kPanels = true, kGated = false, kScalesSums = false;
  static constexpr int64_t kBytes = sizeof(typename Weight::Stored);

  const char *data; ///< of the tensor
  const float *scales;
  int64_t outputs;
  int64_t depth;
  int64_t first; ///< row of the tensor that is step 0

  FATHOM_INLINE int64_t rows() const { return outputs; }
  static FATHOM_INLINE int64_t row_of(int64_t output, int /*part*/) { return output; }
  FATHOM_INLINE const char *step(int64_t k) const { return data + (first + k) * outputs * kBytes; }
  FATHOM_INLINE const char *piece(int64_t panel, int64_t k, int at) const {
    constexpr int kOfPanel = kPanel * kBytes / 16;
    return step(k + at / kOfPanel) + panel * kPanel * kBytes + at % kOfPanel * 16;
  }
  /// With its scale.
  FATHOM_INLINE float number(int64_t row, int64_t k) const {
    float number = decode<Weight>(step(k), row);
    return Weight::kQuantized ? number * scale(row, k) : number;
  }
  FATHOM_INLINE float scale(int64_t row, int64_t k) const {
    return scales[(first + k) / FATHOM_SCALE_BLOCK * ceil_div(outputs, FATHOM_SCALE_BLOCK) + row / FATHOM_SCALE_BLOCK];
  }
};

/// Rows of x: one after the other, or picked by an index.
struct Tokens {
  Numbers data;
  int64_t stride;
  bool whole; ///< rows are a multiple of kChunk numbers apart, and begin at one
  const int32_t *index = nullptr;
  bool exact = false; ///< sums are chains of multiply-adds whatever the types are

  FATHOM_INLINE Numbers row(int64_t row) const { return data + (index ? index[row] : row) * stride; }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_MATRICES_H

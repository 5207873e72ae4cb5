// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two sides of a product: weights row by row, and rows of activations.

#ifndef FATHOM_KERNELS_NVPTX_MATRICES_H
#define FATHOM_KERNELS_NVPTX_MATRICES_H

#include "kernels/nvptx/e4m3.h"
#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

/// Weights [outputs, depth] row by row, gates before ups where there are both, with scales
/// [ceil(rows / 128)][ceil(depth / 128)] if quantized; or a range of a tensor's rows.
template <class Weight>
struct Matrix {
  static constexpr int64_t kBytes = sizeof(typename Weight::Stored);

  const char *data; ///< of the tensor
  const float *scales;
  int64_t outputs;
  int64_t depth;
  int64_t first = 0; ///< row of the tensor that is output 0

  FATHOM_INLINE const char *row(int64_t row) const { return data + (first + row) * depth * kBytes; }

  /// Without its scale.
  FATHOM_INLINE float number(int64_t row, int64_t k) const {
    if constexpr (Weight::kQuantized) {
      return decode_e4m3(reinterpret_cast<const uint8_t *>(this->row(row))[k]);
    } else {
      return Numbers(this->row(row), Weight::kElement)[k];
    }
  }

  FATHOM_INLINE float scale(int64_t row, int64_t k) const {
    return scales[(first + row) / FATHOM_SCALE_BLOCK * ceil_div(depth, FATHOM_SCALE_BLOCK) + k / FATHOM_SCALE_BLOCK];
  }
};

/// Rows of x: one after the other, or picked by an index.
struct Tokens {
  Numbers data;
  int64_t stride;
  bool whole; ///< rows are a multiple of kChunk numbers apart, and begin at one
  const int32_t *index = nullptr;

  FATHOM_INLINE Numbers row(int64_t row) const { return data + (index ? index[row] : row) * stride; }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_MATRICES_H

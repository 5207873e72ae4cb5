// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a product in f32: 64 outputs of 16 rows. A thread has an output of four rows, each sum a chain of
// multiply-adds over k, whose bits are those of kernels/cpu/multiply.h.

#ifndef FATHOM_KERNELS_NVPTX_EXACT_PRODUCT_H
#define FATHOM_KERNELS_NVPTX_EXACT_PRODUCT_H

#include "kernels/nvptx/matrices.h"
#include "kernels/nvptx/ring.h"

namespace fathom::nv {

/// `Few` is for MatrixProduct.
template <class Matrix, bool Few>
struct ExactProduct {
  static constexpr bool kScaled = Matrix::kScalesSums;
  static constexpr int kParts = Matrix::kGated ? 2 : 1;
  static constexpr int kOutputs = kExactOutputs, kRows = kExactRows, kStep = kExactStep;
  static constexpr int kOwn = kRows * kOutputs / kThreads;
  static constexpr int kWeights = kParts * kOutputs; ///< rows of them

  /// Columns of weights are apart by one more than they need, for other banks.
  struct Tile {
    float weights[kStep][kWeights + 1];
    float x[kRows][kStep];
  };
  static_assert(sizeof(Tile) <= kProductBytes);

  /// Threads side by side read what lies side by side. Of the last step, what is behind the sum's end stays as it is.
  static FATHOM_INLINE void fill(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                 int64_t from, Tile &tile) {
    int64_t first = Matrix::row_of(column, 0);
    for_each_of_threads<kStep * kWeights>([&](int i) FATHOM_INLINED {
      int k = Matrix::kPanels ? i / kWeights : i % kStep, n = Matrix::kPanels ? i % kWeights : i / kStep;
      if (from + k < weights.depth) {
        tile.weights[k][n] = first + n < weights.rows() ? weights.number(first + n, from + k) : 0.0f;
      }
    });
    for_each_of_threads<kRows * kStep>([&](int i) FATHOM_INLINED {
      int k = i % kStep, r = i / kStep;
      if (from + k < weights.depth) {
        tile.x[r][k] = row + r < rows ? x.row(row + r)[from + k] : 0.0f;
      }
    });
  }

  /// sums += partial * scale, where a block of scales ends behind step `end`.
  static FATHOM_INLINE void scale(const Matrix &weights, int64_t output, int64_t end, float (&partial)[kParts][kOwn],
                                  float (&sums)[kParts][kOwn]) {
    if (end % FATHOM_SCALE_BLOCK != 0 && end < weights.depth) {
      return;
    }
    FATHOM_UNROLL for (int part = 0; part < kParts; ++part) {
      float factor = output < weights.outputs ? weights.scale(Matrix::row_of(output, part), end - kStep) : 0.0f;
      FATHOM_UNROLL for (int r = 0; r < kOwn; ++r) {
        sums[part][r] = __builtin_fmaf(partial[part][r], factor, sums[part][r]);
        partial[part][r] = 0.0f;
      }
    }
  }

  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                     const Finish &finish, Ring & /*ring*/) {
    auto &tile = *shared<Tile>();
    int n = thread() % kOutputs, first = thread() / kOutputs * kOwn;
    float chain[kParts][kOwn] = {}, sums[kParts][kOwn] = {};
    for (int64_t from = 0; from < weights.depth; from += kStep) {
      barrier();
      fill(weights, x, rows, column, row, from, tile);
      barrier();
      int64_t steps = smaller(kStep, weights.depth - from);
      for (int64_t k = 0; k < steps; ++k) {
        FATHOM_UNROLL for (int part = 0; part < kParts; ++part) {
          FATHOM_UNROLL for (int r = 0; r < kOwn; ++r) {
            chain[part][r] =
                __builtin_fmaf(tile.x[first + r][k], tile.weights[k][Matrix::row_of(n, part)], chain[part][r]);
          }
        }
      }
      if constexpr (kScaled) {
        scale(weights, column + n, from + kStep, chain, sums);
      }
    }
    auto &results = kScaled ? sums : chain;
    FATHOM_UNROLL for (int r = 0; r < kOwn; ++r) {
      if (column + n < weights.outputs && row + first + r < rows) {
        finish(row + first + r, column + n, results[0][r], results[kParts - 1][r]);
      }
    }
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_EXACT_PRODUCT_H

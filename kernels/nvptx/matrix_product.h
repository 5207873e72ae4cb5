// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a product of bf16, or of FP8 and bf16, by the instruction that multiplies matrices.
//
// Weights are the instruction's sixteen rows, tokens its eight columns, with few rows of a call and many alike: so few
// rows waste nothing, and the order of sums is one. Eight warps share a tile: four along outputs, two along tokens.
// Steps of k come through a ring of kStages places in shared memory: while one is multiplied, the copies of those that
// follow are under way. Rows of tokens there are 16 bytes longer than they need, so that those of eight lanes lie in
// different banks.

#ifndef FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H
#define FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H

#include "kernels/nvptx/ring.h"
#include "kernels/nvptx/staged_weights.h"

namespace fathom::nv {

/// `Few` is the form for up to 16 rows.
template <class Matrix, bool Few>
struct MatrixProduct {
  using Weight = typename Matrix::Weight;
  static constexpr bool kGated = Matrix::kGated;
  /// Matrices of a warp: 64 outputs apart, or one of gates and one of their ups; and along tokens.
  static constexpr int kTall = Few && !kGated ? 1 : 2, kWide = Few ? 1 : 8;
  static constexpr int kOutputs = kGated ? 64 : 64 * kTall, kRows = 2 * 8 * kWide;
  static constexpr int kStep = Few ? 128 / Matrix::kBytes : 32;

  using Staged = StagedWeights<Matrix, 64 * kTall, kStep>;
  static constexpr int64_t kTokenRow = kStep * 2 + 16, kTokensAt = Staged::kSize;
  static constexpr int64_t kStage = kTokensAt + kRows * kTokenRow;
  static_assert(kStages * kStage <= kProductBytes);

  using Sums = float[kTall][kWide][4];
  using Scales = float[kTall][2];

  static FATHOM_INLINE void fill(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                 int64_t from, char *stage) {
    constexpr int kOfToken = kStep * 2 / 16;
    Staged::fill(weights, Matrix::row_of(column, 0), from, stage);
    for_each_of_threads<kRows * kOfToken>([&](int i) FATHOM_INLINED {
      // Products of FP8 and many rows have no register left for another order.
      CopiedPiece<kOfToken, (kOfToken < 8 && (Few || !Weight::kQuantized))> piece(i);
      bool there = row + piece.row < rows;
      copy_numbers<uint16_t>(stage + kTokensAt + piece.row * kTokenRow + 16 * piece.at,
                             x.row(there ? row + piece.row : row).data, from + piece.at * 8, weights.depth, there,
                             x.whole && weights.depth % kChunk == 0);
    });
  }

  static FATHOM_INLINE int64_t output_of_warp() { return warp() % 4 * 16; }
  static FATHOM_INLINE int64_t token_of_warp() { return warp() / 4 * 8 * kWide; }
  /// The first row, in the tile, of matrix i of this warp.
  static FATHOM_INLINE int64_t row_of_warp(int i) {
    return kGated ? Matrix::row_of(output_of_warp(), i) : i * 64 + output_of_warp();
  }

  /// Thirty-two steps at a time: two instructions for each of this warp's matrices.
  static FATHOM_INLINE void multiply_stage(const char *stage, Sums &sums) {
    const char *tokens = stage + kTokensAt + (token_of_warp() + lane() % 8) * kTokenRow + lane() / 8 * 16;
    FATHOM_UNROLL for (int k = 0; k < kStep; k += 32) {
      Fragments a[kTall];
      FATHOM_UNROLL for (int i = 0; i < kTall; ++i) { Staged::load(stage, row_of_warp(i), k, a[i]); }
      FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
        uint32_t b[4];
        load_matrices(b, tokens + j * 8 * kTokenRow + k * 2);
        FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
          nv::multiply(sums[i][j], a[i][0], b[0], b[1]);
          nv::multiply(sums[i][j], a[i][1], b[2], b[3]);
        }
      }
    }
  }

  /// The scales of the block that step k begins, of the rows that this lane has sums of.
  static FATHOM_INLINE void load_scales(const Matrix &weights, int64_t column, int64_t k, Scales &scales) {
    if (k % FATHOM_SCALE_BLOCK != 0) {
      return;
    }
    FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
      FATHOM_UNROLL for (int r = 0; r < 2; ++r) {
        int64_t row = Matrix::row_of(column, 0) + row_of_warp(i) + Staged::row_of_lane(r);
        scales[i][r] = weights.scale(smaller(row, weights.rows() - 1), k);
      }
    }
  }

  /// sums += partial * scale, where a block of scales ends behind step `end`.
  static FATHOM_INLINE void scale(const Scales &scales, int64_t end, int64_t depth, Sums &partial, Sums &sums) {
    if (end % FATHOM_SCALE_BLOCK != 0 && end < depth) {
      return;
    }
    FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
      FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
        FATHOM_UNROLL for (int n = 0; n < 4; ++n) {
          sums[i][j][n] = __builtin_fmaf(partial[i][j][n], scales[i][n / 2], sums[i][j][n]);
          partial[i][j][n] = 0.0f;
        }
      }
    }
  }

  /// finish(row of the product, output, sum, sum of the up if there is one) for the sums of this lane.
  template <class Finish>
  static FATHOM_INLINE void store(const Matrix &weights, int64_t rows, int64_t column, int64_t row, const Sums &sums,
                                  const Finish &finish) {
    FATHOM_UNROLL for (int i = 0; i < (kGated ? 1 : kTall); ++i) {
      FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
        FATHOM_UNROLL for (int n = 0; n < 4; ++n) {
          int64_t output = column + i * 64 + output_of_warp() + Staged::row_of_lane(n / 2);
          int64_t token = row + token_of_warp() + j * 8 + lane() % 4 * 2 + n % 2;
          if (output < weights.outputs && token < rows) {
            finish(token, output, sums[i][j][n], sums[kTall - 1][j][n]);
          }
        }
      }
    }
  }

  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                     const Finish &finish, Ring & /*ring*/) {
    auto *ring = shared<char>();
    int64_t steps = ceil_div(weights.depth, kStep);
    // Of many rows sums take half of the registers: what comes of x is computed each turn.
    auto anew = [](int64_t x) FATHOM_INLINED { return Few ? x : unknown(x); };
    // Each turn ends a group of copies, with or without any, so that as many are under way.
    auto begin = [&](int64_t step) FATHOM_INLINED {
      if (step < steps) {
        fill(weights, x, rows, anew(column), row, step * kStep, ring + step % kStages * kStage);
      }
      commit_copies();
    };
    barrier(); // others may still read the last tile
    for (int64_t step = 0; step < kStages - 1; ++step) {
      begin(step);
    }
    Sums chain = {}, total = {};
    Scales scales = {};
    // Of a few steps several at a time would take more registers than there are.
    FATHOM_NO_UNROLL for (int64_t step = 0; step < steps; ++step) {
      if constexpr (Weight::kQuantized) {
        load_scales(weights, column, step * kStep, scales); // long before they are needed
      }
      wait_copies<kStages - 2>();
      barrier();
      begin(anew(step + kStages - 1));
      multiply_stage(ring + step % kStages * kStage, chain);
      if constexpr (Weight::kQuantized) {
        scale(scales, (step + 1) * kStep, weights.depth, chain, total);
      }
    }
    store(weights, rows, column, row, Weight::kQuantized ? total : chain, finish);
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H

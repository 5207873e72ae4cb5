// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a product of bf16, or of FP8 and bf16, by the instruction that multiplies matrices.
//
// Weights are the instruction's sixteen rows, tokens its eight columns, with few rows of a call and many alike: so few
// rows waste nothing, and the order of sums is one. Eight warps share a tile: four along outputs, two along tokens.
// Steps of k come through a ring of kStages places in shared memory: while one is multiplied, the copies of those that
// follow are under way. Rows there are 16 bytes longer than they need, so that those of eight lanes lie in different
// banks.
//
// Weights of FP8 are copied as they are, and decoded where they are used. Then lane i has numbers 4 * (i % 4) to the
// third behind of sixteen, where the instruction says 2 * (i % 4), the next, and both eight on: of weights and tokens
// alike, so that the products are the same, and one word has what a lane wants of a row.

#ifndef FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H
#define FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H

#include "kernels/nvptx/matrices.h"

namespace fathom::nv {

/// `Few` is the form for up to 16 rows.
template <class Weight, bool Gated, bool Few>
struct MatrixProduct {
  static constexpr int64_t kBytes = Matrix<Weight>::kBytes;
  /// Matrices of a warp: 64 outputs apart, or one of gates and one of their ups; and along tokens.
  static constexpr int kTall = Few && !Gated ? 1 : 2, kWide = Few ? 1 : 8;
  static constexpr int kOutputs = Gated ? 64 : 64 * kTall, kRows = 2 * 8 * kWide;
  static constexpr int kStep = Few ? 128 / kBytes : 32;

  static constexpr int64_t kWeightRow = kStep * kBytes + 16, kTokenRow = kStep * 2 + 16;
  static constexpr int64_t kTokensAt = 64 * kTall * kWeightRow, kStage = kTokensAt + kRows * kTokenRow;
  static_assert(kStages * kStage <= kProductBytes);

  using Sums = float[kTall][kWide][4];

  /// Numbers of 16 bytes, the first of them number k of `depth`; zeros behind the last. Where rows are multiples of 16
  /// bytes, as constants tell, they are copied meanwhile.
  template <class Code>
  static FATHOM_INLINE void copy_numbers(char *to, const char *row, int64_t k, int64_t depth, bool there, bool whole) {
    constexpr int kCount = 16 / sizeof(Code);
    there = there && k < depth;
    if (whole) {
      return copy_async(to, there ? row + k * sizeof(Code) : row, there);
    }
    FATHOM_UNROLL for (int i = 0; i < kCount; ++i) {
      reinterpret_cast<Code *>(to)[i] = there && k + i < depth ? reinterpret_cast<const Code *>(row)[k + i] : Code(0);
    }
  }

  static FATHOM_INLINE void fill(const Matrix<Weight> &weights, const Tokens &x, int64_t rows, int64_t column,
                                 int64_t row, int64_t from, char *stage) {
    constexpr int kOfRow = kStep * kBytes / 16, kOfToken = kStep * 2 / 16;
    bool whole = weights.depth * kBytes % 16 == 0;
    for (int i = thread(); i < 64 * kTall * kOfRow; i += kThreads) {
      int n = i / kOfRow, at = i % kOfRow;
      int64_t output = column + (Gated ? n % 64 : n), part = Gated ? n / 64 : 0;
      bool there = output < weights.outputs;
      copy_numbers<typename Weight::Stored>(stage + n * kWeightRow + 16 * at,
                                            weights.row(there ? part * weights.outputs + output : 0),
                                            from + at * (16 / kBytes), weights.depth, there, whole);
    }
    for (int i = thread(); i < kRows * kOfToken; i += kThreads) {
      int token = i / kOfToken, at = i % kOfToken;
      bool there = row + token < rows;
      copy_numbers<uint16_t>(stage + kTokensAt + token * kTokenRow + 16 * at, x.row(there ? row + token : row).data,
                             from + at * 8, weights.depth, there, x.whole && weights.depth % kChunk == 0);
    }
  }

  /// Thirty-two steps of bf16: two instructions for each of this warp's matrices.
  static FATHOM_INLINE void multiply_bf16(const char *weights, const char *tokens, int k, Sums &sums) {
    uint32_t a[kTall][2][4];
    FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
      FATHOM_UNROLL for (int half = 0; half < 2; ++half) {
        load_matrices(a[i][half],
                      weights + (i * 64 + lane() % 16) * kWeightRow + (k + half * 16) * 2 + lane() / 16 * 16);
      }
    }
    FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
      uint32_t b[4];
      load_matrices(b, tokens + (j * 8 + lane() % 8) * kTokenRow + k * 2 + lane() / 8 * 16);
      FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
        nv::multiply(sums[i][j], a[i][0], b[0], b[1]);
        nv::multiply(sums[i][j], a[i][1], b[2], b[3]);
      }
    }
  }

  /// The same of weights of FP8.
  static FATHOM_INLINE void multiply_e4m3(const char *weights, const char *tokens, int k, Sums &sums) {
    int group = lane() / 4, first = 4 * (lane() % 4);
    FATHOM_UNROLL for (int half = 0; half < 2; ++half, k += 16) {
      uint32_t a[kTall][4];
      FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
        FATHOM_UNROLL for (int r = 0; r < 2; ++r) {
          uint32_t pairs[2];
          decode_e4m3_to_bf16(
              *reinterpret_cast<const uint32_t *>(weights + (i * 64 + group + 8 * r) * kWeightRow + k + first), pairs);
          a[i][r] = pairs[0];
          a[i][2 + r] = pairs[1];
        }
      }
      FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
        auto b = *reinterpret_cast<const u32x2 *>(tokens + (j * 8 + group) * kTokenRow + (k + first) * 2);
        FATHOM_UNROLL for (int i = 0; i < kTall; ++i) { nv::multiply(sums[i][j], a[i], b[0], b[1]); }
      }
    }
  }

  static FATHOM_INLINE int64_t output_of_warp() { return warp() % 4 * 16; }
  static FATHOM_INLINE int64_t token_of_warp() { return warp() / 4 * 8 * kWide; }

  static FATHOM_INLINE void multiply_stage(const char *stage, Sums &sums) {
    const char *weights = stage + output_of_warp() * kWeightRow;
    const char *tokens = stage + kTokensAt + token_of_warp() * kTokenRow;
    FATHOM_UNROLL for (int k = 0; k < kStep; k += 32) {
      if constexpr (Weight::kQuantized) {
        multiply_e4m3(weights, tokens, k, sums);
      } else {
        multiply_bf16(weights, tokens, k, sums);
      }
    }
  }

  /// sums += partial * scale, where a block of scales ends behind step `end`.
  static FATHOM_INLINE void scale(const Matrix<Weight> &weights, int64_t column, int64_t end, Sums &partial,
                                  Sums &sums) {
    if (end % FATHOM_SCALE_BLOCK != 0 && end < weights.depth) {
      return;
    }
    FATHOM_UNROLL for (int i = 0; i < kTall; ++i) {
      FATHOM_UNROLL for (int r = 0; r < 2; ++r) {
        int64_t output = column + (Gated ? 0 : i * 64) + output_of_warp() + lane() / 4 + 8 * r;
        int64_t known = smaller(output, weights.outputs - 1) + (Gated ? i * weights.outputs : 0);
        float factor = weights.scale(known, end - kStep);
        FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
          FATHOM_UNROLL for (int n = 2 * r; n < 2 * r + 2; ++n) {
            sums[i][j][n] = __builtin_fmaf(partial[i][j][n], factor, sums[i][j][n]);
            partial[i][j][n] = 0.0f;
          }
        }
      }
    }
  }

  /// use(row of the product, output, number of the sum) for each sum of this lane; outputs of the first matrix.
  template <class Finish>
  static FATHOM_INLINE void store(const Matrix<Weight> &weights, int64_t rows, int64_t column, int64_t row,
                                  const Sums &sums, const Finish &finish) {
    FATHOM_UNROLL for (int i = 0; i < (Gated ? 1 : kTall); ++i) {
      FATHOM_UNROLL for (int j = 0; j < kWide; ++j) {
        FATHOM_UNROLL for (int n = 0; n < 4; ++n) {
          int64_t output = column + i * 64 + output_of_warp() + lane() / 4 + n / 2 * 8;
          int64_t token = row + token_of_warp() + j * 8 + lane() % 4 * 2 + n % 2;
          if (output < weights.outputs && token < rows) {
            finish(token, output, sums[i][j][n], sums[kTall - 1][j][n]);
          }
        }
      }
    }
  }

  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix<Weight> &weights, const Tokens &x, int64_t rows, int64_t column,
                                     int64_t row, const Finish &finish) {
    auto *ring = shared<char>();
    int64_t steps = ceil_div(weights.depth, kStep);
    // Each turn ends a group of copies, with or without any, so that as many are under way.
    auto begin = [&](int64_t step) FATHOM_INLINED {
      if (step < steps) {
        fill(weights, x, rows, column, row, step * kStep, ring + step % kStages * kStage);
      }
      commit_copies();
    };
    barrier(); // others may still read the last tile
    for (int64_t step = 0; step < kStages - 1; ++step) {
      begin(step);
    }
    Sums chain = {}, total = {};
    for (int64_t step = 0; step < steps; ++step) {
      wait_copies<kStages - 2>();
      barrier();
      begin(step + kStages - 1);
      multiply_stage(ring + step % kStages * kStage, chain);
      if constexpr (Weight::kQuantized) {
        scale(weights, column, (step + 1) * kStep, chain, total);
      }
    }
    wait_copies<0>();
    store(weights, rows, column, row, Weight::kQuantized ? total : chain, finish);
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_MATRIX_PRODUCT_H

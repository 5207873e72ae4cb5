// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of weights in shared memory: how it comes there, and how lanes have it for the instruction that multiplies
// matrices. Each layout has its own form.
//
// Weights of FP8 are copied as they are, and decoded by the lanes that use them.

#ifndef FATHOM_KERNELS_NVPTX_STAGED_WEIGHTS_H
#define FATHOM_KERNELS_NVPTX_STAGED_WEIGHTS_H

#include "kernels/nvptx/matrices.h"

namespace fathom::nv {

/// What a lane has of sixteen rows and 32 steps of k: operands of two instructions.
using Fragments = uint32_t[2][4];

/// Numbers of 16 bytes, the first of them number k of `depth`; zeros behind the last. Where rows are multiples of 16
/// bytes, as constants tell, they are copied meanwhile.
template <class Code>
FATHOM_INLINE void copy_numbers(char *to, const char *row, int64_t k, int64_t depth, bool there, bool whole) {
  constexpr int kCount = 16 / sizeof(Code);
  there = there && k < depth;
  if (whole) {
    return copy_async(to, there ? row + k * sizeof(Code) : row, there);
  }
  FATHOM_UNROLL for (int i = 0; i < kCount; ++i) {
    reinterpret_cast<Code *>(to)[i] = there && k + i < depth ? reinterpret_cast<const Code *>(row)[k + i] : Code(0);
  }
}

/// Piece number i of rows of `Pieces` pieces, in the order in which threads copy them: eight threads write at a time.
/// Of rows that are shorter than all banks they have one piece of each of eight rows, which lie in different banks.
template <int Pieces, bool Spread = (Pieces < 8)>
struct CopiedPiece {
  int row, at;
  explicit FATHOM_INLINE CopiedPiece(int i)
      : row(Spread ? i / (8 * Pieces) * 8 + i % 8 : i / Pieces), at(Spread ? i / 8 % Pieces : i % Pieces) {}
};

/// `Steps` steps of k of `Rows` rows: fill(weights, first row, first step, to), load(from, row, step, fragments), and
/// row_of_lane(i), which of sixteen rows lane() / 4 + 8 * i of the instruction is.
template <class Matrix, int Rows, int Steps>
struct StagedWeights;

/// Rows are 16 bytes longer than they need, so that those of eight lanes lie in different banks.
template <class Weight, int Rows, int Steps>
struct StagedWeights<RowMatrix<Weight>, Rows, Steps> {
  using Matrix = RowMatrix<Weight>;
  static constexpr int64_t kRow = Steps * Matrix::kBytes + 16, kSize = Rows * kRow;

  static FATHOM_INLINE void fill(const Matrix &weights, int64_t first, int64_t from, char *to) {
    constexpr int kOfRow = Steps * Matrix::kBytes / 16;
    for (int i = thread(); i < Rows * kOfRow; i += kThreads) {
      CopiedPiece<kOfRow> piece(i);
      bool there = first + piece.row < weights.rows();
      copy_numbers<typename Weight::Stored>(
          to + piece.row * kRow + 16 * piece.at, weights.row(there ? first + piece.row : 0),
          from + piece.at * (16 / Matrix::kBytes), weights.depth, there, weights.depth * Matrix::kBytes % 16 == 0);
    }
  }

  static FATHOM_INLINE void load(const char *from, int64_t row, int k, Fragments &to) {
    FATHOM_UNROLL for (int half = 0; half < 2; ++half, k += 16) {
      if constexpr (Weight::kQuantized) {
        FATHOM_UNROLL for (int i = 0; i < 2; ++i) {
          auto *pairs = reinterpret_cast<const uint16_t *>(from + (row + row_of_lane(i)) * kRow + k) + lane() % 4;
          to[half][i] = decode_e4m3_pair(pairs[0], 0, 1);
          to[half][2 + i] = decode_e4m3_pair(pairs[4], 0, 1);
        }
      } else {
        load_matrices(to[half], from + (row + lane() % 16) * kRow + k * 2 + lane() / 16 * 16);
      }
    }
  }

  static FATHOM_INLINE int row_of_lane(int i) { return lane() / 4 + 8 * i; }
};

/// Panels, [Rows / 32][Steps][32], of whatever has pieces of them; but these pieces of 16 bytes change places, so that
/// those of eight steps lie in different banks: as TMA swizzles rows of 64 and of 32 bytes.
///
/// Matrices of eight steps are transposed when they are loaded, as of numbers of 16 bits: such a number is a bf16, or
/// the codes of two rows, which then are rows of the instruction that are eight apart.
template <class Matrix, int Rows, int Steps>
struct StagedWeights {
  using Weight = typename Matrix::Weight;
  static constexpr int kRow = kPanel * Matrix::kBytes, kPieces = kRow / 16;
  static constexpr int64_t kOfPanel = Steps * kRow, kSize = Rows / kPanel * kOfPanel;

  static FATHOM_INLINE int place(int k, int piece) { return k * kRow + (piece ^ k * kPieces / 8 % kPieces) * 16; }

  static FATHOM_INLINE void fill(const Matrix &weights, int64_t first, int64_t from, char *to) {
    constexpr int kRun = kOfPanel / 16;
    for_each_of_threads<kSize / 16>([&](int i) FATHOM_INLINED {
      int panel = i / kRun, at = i % kRun, k = at / kPieces;
      bool there = first + panel * kPanel < weights.rows() && from + k < weights.depth;
      const char *piece = weights.piece(first / kPanel + (there ? panel : 0), from, there ? at : 0);
      copy_async(to + panel * kOfPanel + place(k, at % kPieces), piece, there);
    });
  }

  static FATHOM_INLINE void load(const char *from, int64_t row, int k, Fragments &to) {
    from += row / kPanel * kOfPanel;
    int piece = row % kPanel * Matrix::kBytes / 16;
    if constexpr (Weight::kQuantized) {
      uint32_t codes[4];
      load_transposed(codes, from + place(k + lane(), piece));
      FATHOM_UNROLL for (int i = 0; i < 4; ++i) {
        to[i / 2][i % 2 * 2] = decode_e4m3_pair(codes[i], 0, 2);
        to[i / 2][i % 2 * 2 + 1] = decode_e4m3_pair(codes[i], 1, 3);
      }
    } else {
      FATHOM_UNROLL for (int half = 0; half < 2; ++half, k += 16) {
        load_transposed(to[half], from + place(k + lane() / 16 * 8 + lane() % 8, piece + lane() / 8 % 2));
      }
    }
  }

  static FATHOM_INLINE int row_of_lane(int i) { return Weight::kQuantized ? lane() / 4 * 2 + i : lane() / 4 + 8 * i; }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_STAGED_WEIGHTS_H

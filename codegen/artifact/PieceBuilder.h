// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the bytes of one piece of a weight slice.

#ifndef FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H
#define FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H

#include "codegen/artifact/RecipePlan.h"
#include "codegen/artifact/ShardReader.h"

#include <tuple>
#include <vector>

namespace fathom::codegen {

/// An element of a slice: which source of its recipe it is in, and where there.
struct ElementPlace {
  size_t source = 0;
  int64_t row = 0;
  int64_t column = 0;

  bool operator<(const ElementPlace &other) const {
    return std::tie(source, row, column) < std::tie(other.source, other.row, other.column);
  }
};

/// Values of a weight that cannot be meant. Each element and each scale of the sources counts once.
struct OddValues {
  /// NaN or infinite elements, and where the first one is when there is one.
  uint64_t nonFinite = 0;
  ElementPlace firstNonFinite;
  /// NaN, infinite or negative scales.
  uint64_t badScales = 0;

  bool any() const { return nonFinite != 0 || badScales != 0; }
};

/// Reads and transforms; owns the buffers, which grow to the largest piece and no further. One for each thread.
class PieceBuilder {
public:
  explicit PieceBuilder(ShardReader &reader) : reader(reader) {}

  /// Makes `piece` of `recipe`, which must have passed computeSliceSize().
  llvm::Error build(const SliceRecipe &recipe, const Piece &piece);

  /// The piece's bytes, until the next build().
  llvm::StringRef bytes() const { return {reinterpret_cast<const char *>(output.data()), output.size()}; }
  /// What build() found in the piece.
  OddValues oddValues() const { return found; }
  /// For each source of the recipe whether build() met a value of it (of its scales, where they are the layout) that is
  /// not zero.
  llvm::ArrayRef<char> nonzeroSources() const { return nonzero; }

private:
  llvm::Error readRows(const SliceRecipe &recipe, const Piece &piece, int64_t paddedRows, std::vector<uint8_t> &rows);
  llvm::Error readElements(const SliceRecipe &recipe, const RowRun &run, const Piece &piece, uint8_t *target);
  llvm::Error readRun(const RowRun &run, const Piece &piece, uint8_t *target);
  void countNonFiniteIn(const SliceRecipe &recipe, const RowRun &run, const Piece &piece, const uint8_t *elements);
  void noteNonzero(const SliceRecipe &recipe, const Source *source, const void *values, uint64_t bytes);
  llvm::Error readScaleRow(const Source &source, int64_t row, const Piece &piece);
  llvm::Error buildPanels(const SliceRecipe &recipe, const Piece &piece);
  llvm::Error buildPanelScales(const SliceRecipe &recipe, const Piece &piece);
  void buildRope(const RopeTable &rope, const Piece &piece);

  ShardReader &reader;
  /// Elements before they are widened, rows before they are laid out, and what becomes of them.
  std::vector<uint8_t> narrow;
  std::vector<uint8_t> input;
  std::vector<uint8_t> output;
  OddValues found;
  std::vector<char> nonzero;
  /// The scales of one row, for the columns of the current piece, and which row of which source they are for.
  std::vector<float> scaleRow;
  const Source *scaleRowSource = nullptr;
  int64_t scaleRowBlock = -1;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_PIECEBUILDER_H

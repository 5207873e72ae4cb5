// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a recipe amounts to: shapes and size, which row of an input a row is, and how to cut it into pieces that fit in
// memory.

#ifndef FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H
#define FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H

#include "codegen/artifact/Recipe.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace fathom::codegen {

/// A piece of a matrix that is made at once: rows [row, row + rows) of columns [column, column + columns), dense.
struct Piece {
  int64_t row = 0;
  int64_t rows = 0;
  int64_t column = 0;
  int64_t columns = 0;
};

/// A matrix on its way: of a source, or what a step makes.
struct MatrixShape {
  int64_t rows = 0;
  int64_t columns = 0;
  ElementType type = ElementType::BF16;
  /// So many columns belong together, and are made at once.
  int64_t columnUnit = 1;

  uint64_t countBytes(const Piece &piece) const {
    return static_cast<uint64_t>(piece.rows) * piece.columns * byteWidth(type);
  }
};

/// The matrices of a recipe, as Step::inputs numbers them. Fails where they do not fit together or are too large for
/// the arithmetic of pieces; `what` names the slice in messages.
llvm::Expected<std::vector<MatrixShape>> inferShapes(const SliceRecipe &recipe, const llvm::Twine &what);

/// The last matrix of a recipe that has passed computeSliceSize().
MatrixShape getResultShape(const SliceRecipe &recipe);

/// Size of the slice in bytes, after checking all of the recipe: shapes that fit together, sources inside
/// their shards, no overflow. `what` names the slice in messages.
llvm::Expected<uint64_t> computeSliceSize(const SliceRecipe &recipe, llvm::ArrayRef<ShardFile> shards,
                                          const llvm::Twine &what);

/// Rows [row, row + count) of a step's input, or `count` rows of padding where there is none.
struct RowRun {
  std::optional<uint32_t> input;
  int64_t row;
  int64_t count;
};

/// The longest run that starts at row `row` of what the step makes and ends before `end`.
RowRun getRowRun(const SliceRows &slice, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end);
RowRun getRowRun(const ConcatRows &concat, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end);
RowRun getRowRun(const InterleaveRows &interleave, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end);

/// Enumerates the pieces of a matrix in the order of its bytes: whole rows, or a part of one. A piece has at most
/// `pieceBytes` bytes, unless that is less than a unit of columns.
class PieceCursor {
public:
  PieceCursor(const MatrixShape &shape, uint64_t pieceBytes);
  bool isDone() const { return row >= shape.rows; }
  Piece next();

private:
  MatrixShape shape;
  int64_t rowStep = 1;
  int64_t columnStep;
  int64_t row = 0;
  int64_t column = 0;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a recipe amounts to: its shape and size, which source row an output row is, and how to cut it into
// pieces that fit in memory.

#ifndef FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H
#define FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H

#include "codegen/artifact/Recipe.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

namespace fathom::codegen {

/// Rows and columns of a recipe's matrix after its row map; positions and floats a position for a rope table.
struct MappedShape {
  int64_t rows = 0;
  int64_t columns = 0;
};
MappedShape getMappedShape(const SliceRecipe &recipe);

/// Type of the elements a recipe writes.
ElementType getOutputType(const SliceRecipe &recipe);

/// Size of the slice in bytes, after checking all of the recipe: shapes that fit together, sources inside
/// their shards, no overflow. `what` names the slice in messages.
llvm::Expected<uint64_t> computeSliceSize(const SliceRecipe &recipe, llvm::ArrayRef<ShardFile> shards,
                                          const llvm::Twine &what);

/// Rows [row, row + count) of a source, or of padding when `source` is nullptr.
struct RowRun {
  const Source *source;
  int64_t row;
  int64_t count;
};

/// The longest run that starts at row `row` of the mapped matrix and ends before `end`.
RowRun getRowRun(const SliceRecipe &recipe, int64_t row, int64_t end);

/// A piece of a slice that is made at once: rows [rowBegin, rowEnd) and columns [columnBegin, columnEnd) of
/// the mapped matrix. Its output bytes are contiguous.
struct Piece {
  int64_t rowBegin;
  int64_t rowEnd;
  int64_t columnBegin;
  int64_t columnEnd;
  /// Size of the output.
  uint64_t bytes;
};

/// Enumerates the pieces of a slice in the order of their output bytes. A piece needs little more than
/// `pieceBytes` of input and as much of output, however large the matrix is.
class PieceCursor {
public:
  PieceCursor(const SliceRecipe &recipe, uint64_t pieceBytes);
  bool isDone() const { return row >= rowLimit; }
  Piece next();

private:
  uint64_t outputBytes(int64_t rows, int64_t columns) const;

  Layout layout;
  ElementType outputType;
  MappedShape shape;
  /// Rows of a unit that cannot be cut between rows: 32 for panels.
  int64_t unitRows;
  int64_t rowLimit;
  int64_t rowStep;
  int64_t columnStep;
  int64_t row = 0;
  int64_t column = 0;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_RECIPEPLAN_H

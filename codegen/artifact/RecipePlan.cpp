// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a recipe amounts to: shapes, sizes, row maps and pieces.

#include "codegen/artifact/RecipePlan.h"

#include "dialects/support/ExitError.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

namespace fathom::codegen {

static constexpr int64_t kPanelWidth = FATHOM_PANEL_WIDTH;
static constexpr int64_t kScaleBlock = FATHOM_SCALE_BLOCK;

static int64_t ceilDiv(int64_t value, int64_t divisor) { return value / divisor + (value % divisor != 0); }

/// a * b, or false when that overflows a uint64_t.
static bool multiply(uint64_t a, uint64_t b, uint64_t &product) { return !__builtin_mul_overflow(a, b, &product); }

MappedShape getMappedShape(const SliceRecipe &recipe) {
  if (recipe.layout == Layout::RopeTable) {
    return {recipe.rope.positions, static_cast<int64_t>(recipe.rope.frequencies.size()) * 2};
  }
  MappedShape shape{0, recipe.sources.front().columns};
  for (const Source &source : recipe.sources) {
    shape.rows += recipe.rowMap == RowMap::Interleave ? ceilDiv(source.rows, kPanelWidth) * kPanelWidth : source.rows;
  }
  return shape;
}

ElementType getOutputType(const SliceRecipe &recipe) {
  bool copies = recipe.layout == Layout::Rows || recipe.layout == Layout::Panels;
  return copies && !recipe.widen ? recipe.sources.front().type : ElementType::F32;
}

namespace {

/// Checks one recipe and finds its size.
class RecipeChecker {
public:
  RecipeChecker(const SliceRecipe &recipe, llvm::ArrayRef<ShardFile> shards, const llvm::Twine &what)
      : recipe(recipe), shards(shards), what(what.str()) {}
  llvm::Expected<uint64_t> run();

private:
  llvm::Error bad(const llvm::Twine &why) const {
    return makeError(ExitCode::Internal, "recipe of " + what + ": " + why);
  }
  llvm::Error checkSource(const Source &source) const;
  llvm::Error checkRange(uint32_t shard, uint64_t offset, int64_t rows, int64_t columns, ElementType type) const;
  llvm::Error checkSources() const;
  llvm::Expected<uint64_t> outputSize() const;

  const SliceRecipe &recipe;
  llvm::ArrayRef<ShardFile> shards;
  std::string what;
};

} // namespace

llvm::Error RecipeChecker::checkRange(uint32_t shard, uint64_t offset, int64_t rows, int64_t columns,
                                      ElementType type) const {
  if (shard >= shards.size()) {
    return bad("shard " + llvm::Twine(shard) + " of " + llvm::Twine(shards.size()));
  }
  uint64_t bytes = 0;
  uint64_t end = 0;
  if (!multiply(rows, columns, bytes) || !multiply(bytes, byteWidth(type), bytes) ||
      __builtin_add_overflow(offset, bytes, &end) || end > shards[shard].size) {
    return makeError(ExitCode::BadInput, what + " lies beyond the end of " + quotePath(shards[shard].path) + " (" +
                                             llvm::Twine(shards[shard].size) + " bytes)");
  }
  return llvm::Error::success();
}

llvm::Error RecipeChecker::checkSource(const Source &source) const {
  // Bounds that keep every later sum and product of rows inside an int64_t.
  if (source.rows < 1 || source.columns < 1 || source.rows > INT64_MAX >> 16 || source.columns > INT64_MAX >> 16) {
    return bad("source of shape [" + llvm::Twine(source.rows) + ", " + llvm::Twine(source.columns) + "]");
  }
  const Source &first = recipe.sources.front();
  if (source.columns != first.columns) {
    return bad("sources with " + llvm::Twine(first.columns) + " and " + llvm::Twine(source.columns) + " columns");
  }
  bool convert = recipe.widen || recipe.layout == Layout::PanelScales;
  if (!convert && source.type != first.type) {
    return bad("sources of different element types");
  }
  if (recipe.layout == Layout::PanelScales && !source.scale) {
    return bad("a source without scales");
  }
  if (recipe.layout != Layout::PanelScales) {
    return checkRange(source.shard, source.offset, source.rows, source.columns, source.type);
  }
  // Only the scales are read; the source has their place and the shape of the weight.
  return checkRange(source.scale->shard, source.scale->offset, ceilDiv(source.rows, kScaleBlock),
                    ceilDiv(source.columns, kScaleBlock), ElementType::F32);
}

llvm::Error RecipeChecker::checkSources() const {
  constexpr size_t sourceLimit = 1 << 14;
  if (recipe.sources.empty() || recipe.sources.size() > sourceLimit) {
    return bad(llvm::Twine(recipe.sources.size()) + " sources");
  }
  if (recipe.rowMap == RowMap::Interleave &&
      (recipe.sources.size() != 2 || recipe.sources[0].rows != recipe.sources[1].rows)) {
    return bad("interleaved rows need two sources of one shape");
  }
  for (const Source &source : recipe.sources) {
    if (llvm::Error error = checkSource(source)) {
      return error;
    }
  }
  return llvm::Error::success();
}

llvm::Expected<uint64_t> RecipeChecker::outputSize() const {
  MappedShape shape = getMappedShape(recipe);
  uint64_t rows = shape.rows;
  uint64_t columns = shape.columns;
  if (recipe.layout == Layout::Panels || recipe.layout == Layout::PanelScales) {
    rows = ceilDiv(shape.rows, kPanelWidth) * kPanelWidth;
  }
  if (recipe.layout == Layout::PanelScales) {
    columns = ceilDiv(shape.columns, kScaleBlock);
  }
  uint64_t bytes = 0;
  if (!multiply(rows, columns, bytes) || !multiply(bytes, byteWidth(getOutputType(recipe)), bytes)) {
    return makeError(ExitCode::Unsupported, what + " is too large");
  }
  return bytes;
}

llvm::Expected<uint64_t> RecipeChecker::run() {
  if (recipe.layout == Layout::RopeTable) {
    if (recipe.rope.positions < 1 || recipe.rope.frequencies.empty()) {
      return bad("an empty rope table");
    }
  } else if (llvm::Error error = checkSources()) {
    return std::move(error);
  }
  return outputSize();
}

llvm::Expected<uint64_t> computeSliceSize(const SliceRecipe &recipe, llvm::ArrayRef<ShardFile> shards,
                                          const llvm::Twine &what) {
  return RecipeChecker(recipe, shards, what).run();
}

static RowRun getInterleavedRun(const SliceRecipe &recipe, int64_t row, int64_t end) {
  int64_t block = row / kPanelWidth;
  int64_t inBlock = row % kPanelWidth;
  const Source &source = recipe.sources[block % 2];
  int64_t sourceRow = block / 2 * kPanelWidth + inBlock;
  int64_t count = std::min(end - row, kPanelWidth - inBlock);
  if (sourceRow >= source.rows) {
    return {nullptr, 0, count};
  }
  return {&source, sourceRow, std::min(count, source.rows - sourceRow)};
}

RowRun getRowRun(const SliceRecipe &recipe, int64_t row, int64_t end) {
  if (recipe.rowMap == RowMap::Interleave) {
    return getInterleavedRun(recipe, row, end);
  }
  int64_t sourceRow = row;
  for (const Source &source : recipe.sources) {
    if (sourceRow < source.rows) {
      return {&source, sourceRow, std::min(end - row, source.rows - sourceRow)};
    }
    sourceRow -= source.rows;
  }
  return {nullptr, 0, end - row};
}

PieceCursor::PieceCursor(const SliceRecipe &recipe, uint64_t pieceBytes)
    : layout(recipe.layout), outputType(getOutputType(recipe)), shape(getMappedShape(recipe)), unitRows(1) {
  if (layout == Layout::Panels || layout == Layout::PanelScales) {
    unitRows = kPanelWidth;
  }
  rowLimit = ceilDiv(shape.rows, unitRows) * unitRows;
  // The wider of what is read and what is written counts; scales of a panel are always small beside its values.
  int64_t budget = std::max<int64_t>(1, static_cast<int64_t>(pieceBytes / 4) / unitRows);
  if (layout == Layout::Rows || layout == Layout::Panels) {
    budget = std::max<int64_t>(1, static_cast<int64_t>(pieceBytes / byteWidth(outputType)) / unitRows);
  }
  columnStep = shape.columns;
  rowStep = unitRows;
  if (shape.columns > budget) {
    // Whole scale blocks, so that a block of a row is never cut.
    columnStep = std::max(kScaleBlock, budget / kScaleBlock * kScaleBlock);
  } else {
    rowStep = unitRows * (budget / shape.columns);
  }
}

uint64_t PieceCursor::outputBytes(int64_t rows, int64_t columns) const {
  if (layout == Layout::PanelScales) {
    columns = ceilDiv(columns, kScaleBlock);
  }
  return static_cast<uint64_t>(rows) * columns * byteWidth(outputType);
}

Piece PieceCursor::next() {
  Piece piece;
  piece.rowBegin = row;
  piece.columnBegin = column;
  piece.columnEnd = columnStep < shape.columns - column ? column + columnStep : shape.columns;
  int64_t paddedEnd = rowStep < rowLimit - row ? row + rowStep : rowLimit;
  piece.rowEnd = std::min(paddedEnd, shape.rows);
  piece.bytes = outputBytes(paddedEnd - row, piece.columnEnd - piece.columnBegin);
  column = piece.columnEnd;
  if (column == shape.columns) {
    column = 0;
    row = paddedEnd;
  }
  return piece;
}

} // namespace fathom::codegen

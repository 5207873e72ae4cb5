// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the bytes of one piece of a weight slice.

#include "codegen/artifact/PieceBuilder.h"

#include "codegen/artifact/PackLoops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::codegen {

static constexpr int64_t kPanelWidth = FATHOM_PANEL_WIDTH;
static constexpr int64_t kScaleBlock = FATHOM_SCALE_BLOCK;

static int64_t scaleBlocks(int64_t columns) { return (columns + kScaleBlock - 1) / kScaleBlock; }

/// Reads the piece's columns of the run's rows.
llvm::Error PieceBuilder::readRun(const RowRun &run, const Piece &piece, uint8_t *target) {
  const Source &source = *run.source;
  uint64_t width = byteWidth(source.type);
  uint64_t rowBytes = source.columns * width;
  uint64_t partBytes = (piece.columnEnd - piece.columnBegin) * width;
  uint64_t offset = source.offset + run.row * rowBytes + piece.columnBegin * width;
  if (partBytes == rowBytes) {
    return reader.read(source.shard, offset, target, rowBytes * run.count);
  }
  for (int64_t i = 0; i < run.count; ++i) {
    if (llvm::Error error = reader.read(source.shard, offset + i * rowBytes, target + i * partBytes, partBytes)) {
      return error;
    }
  }
  return llvm::Error::success();
}

/// Adds what is in the run's `elements`, the piece's columns of its rows, to what was found.
void PieceBuilder::countNonFiniteIn(const SliceRecipe &recipe, const RowRun &run, const Piece &piece,
                                    const uint8_t *elements) {
  ElementType type = run.source->type;
  int64_t columns = piece.columnEnd - piece.columnBegin;
  uint64_t count = countNonFinite(type, elements, run.count * columns);
  if (count == 0) {
    return;
  }
  int64_t first = 0;
  while (countNonFinite(type, elements + first * byteWidth(type), 1) == 0) {
    ++first;
  }
  ElementPlace place{static_cast<size_t>(run.source - recipe.sources.data()), run.row + first / columns,
                     piece.columnBegin + first % columns};
  found.firstNonFinite = found.nonFinite == 0 ? place : std::min(found.firstNonFinite, place);
  found.nonFinite += count;
}

void PieceBuilder::noteNonzero(const SliceRecipe &recipe, const Source *source, const void *values, uint64_t bytes) {
  char &known = nonzero[source - recipe.sources.data()];
  known = known || !isZero(values, bytes);
}

/// Reads the piece's columns of the run's rows as the recipe writes them, and adds what is in them to what was found.
llvm::Error PieceBuilder::readElements(const SliceRecipe &recipe, const RowRun &run, const Piece &piece,
                                       uint8_t *target) {
  int64_t count = run.count * (piece.columnEnd - piece.columnBegin);
  uint64_t bytes = count * byteWidth(run.source->type);
  narrow.resize(recipe.widen ? bytes : 0);
  uint8_t *elements = recipe.widen ? narrow.data() : target;
  if (llvm::Error error = readRun(run, piece, elements)) {
    return error;
  }
  noteNonzero(recipe, run.source, elements, bytes);
  if (!recipe.scales) {
    countNonFiniteIn(recipe, run, piece, elements);
  }
  if (recipe.widen) {
    convertToF32(run.source->type, elements, count, reinterpret_cast<float *>(target));
  }
  return llvm::Error::success();
}

/// Reads the piece's part of the mapped matrix into `rows` [paddedRows][columns], zeros where there is padding.
llvm::Error PieceBuilder::readRows(const SliceRecipe &recipe, const Piece &piece, int64_t paddedRows,
                                   std::vector<uint8_t> &rows) {
  uint64_t partBytes = (piece.columnEnd - piece.columnBegin) * byteWidth(getOutputType(recipe));
  rows.resize(partBytes * paddedRows);
  uint8_t *target = rows.data();
  for (int64_t row = piece.rowBegin; row < piece.rowEnd;) {
    RowRun run = getRowRun(recipe, row, piece.rowEnd);
    uint64_t runBytes = partBytes * run.count;
    if (!run.source) {
      memset(target, 0, runBytes);
    } else if (llvm::Error error = readElements(recipe, run, piece, target)) {
      return error;
    }
    target += runBytes;
    row += run.count;
  }
  memset(target, 0, rows.data() + rows.size() - target);
  if (recipe.scales) {
    llvm::ArrayRef<float> scales(reinterpret_cast<const float *>(rows.data()), rows.size() / sizeof(float));
    found.badScales += llvm::count_if(scales, [](float scale) { return !isPlausibleScale(scale); });
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::buildPanels(const SliceRecipe &recipe, const Piece &piece) {
  int64_t columns = piece.columnEnd - piece.columnBegin;
  int64_t panels = (piece.rowEnd - piece.rowBegin + kPanelWidth - 1) / kPanelWidth;
  if (llvm::Error error = readRows(recipe, piece, panels * kPanelWidth, input)) {
    return error;
  }
  output.resize(piece.bytes);
  uint64_t panelBytes = piece.bytes / panels;
  for (int64_t panel = 0; panel < panels; ++panel) {
    packPanel(getOutputType(recipe), input.data() + panel * panelBytes, columns, output.data() + panel * panelBytes);
  }
  return llvm::Error::success();
}

/// Makes scaleRow hold the scales of row `row` of `source`. A row of blocks is counted when its first row is
/// asked for, which happens once.
llvm::Error PieceBuilder::readScaleRow(const Source &source, int64_t row, const Piece &piece) {
  int64_t block = row / kScaleBlock;
  if (scaleRowSource != &source || scaleRowBlock != block) {
    int64_t rowBlocks = scaleBlocks(source.columns);
    int64_t begin = piece.columnBegin / kScaleBlock;
    scaleRow.resize(scaleBlocks(piece.columnEnd) - begin);
    uint64_t offset = source.scale->offset + (block * rowBlocks + begin) * sizeof(float);
    if (llvm::Error error =
            reader.read(source.scale->shard, offset, scaleRow.data(), scaleRow.size() * sizeof(float))) {
      return error;
    }
    scaleRowSource = &source;
    scaleRowBlock = block;
  }
  if (row % kScaleBlock == 0) {
    for (float scale : scaleRow) {
      found.badScales += !isPlausibleScale(scale);
    }
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::buildPanelScales(const SliceRecipe &recipe, const Piece &piece) {
  output.assign(piece.bytes, 0);
  int64_t blocks = scaleBlocks(piece.columnEnd) - piece.columnBegin / kScaleBlock;
  for (int64_t row = piece.rowBegin; row < piece.rowEnd; ++row) {
    RowRun run = getRowRun(recipe, row, row + 1);
    if (!run.source) {
      continue;
    }
    if (llvm::Error error = readScaleRow(*run.source, run.row, piece)) {
      return error;
    }
    noteNonzero(recipe, run.source, scaleRow.data(), scaleRow.size() * sizeof(float));
    int64_t inPiece = row - piece.rowBegin;
    uint8_t *target =
        output.data() + (inPiece / kPanelWidth * blocks * kPanelWidth + inPiece % kPanelWidth) * sizeof(float);
    for (int64_t block = 0; block < blocks; ++block) {
      memcpy(target + block * kPanelWidth * sizeof(float), &scaleRow[block], sizeof(float));
    }
  }
  return llvm::Error::success();
}

void PieceBuilder::buildRope(const RopeTable &rope, const Piece &piece) {
  output.resize(piece.bytes);
  uint8_t *target = output.data();
  for (int64_t position = piece.rowBegin; position < piece.rowEnd; ++position) {
    // Columns are (cos, sin) pairs; pieces begin and end between pairs.
    for (int64_t column = piece.columnBegin; column < piece.columnEnd; column += 2) {
      double angle = static_cast<double>(position) * rope.frequencies[column / 2];
      float pair[2] = {static_cast<float>(rope.magnitude * std::cos(angle)),
                       static_cast<float>(rope.magnitude * std::sin(angle))};
      memcpy(target, pair, sizeof(pair));
      target += sizeof(pair);
    }
  }
}

llvm::Error PieceBuilder::build(const SliceRecipe &recipe, const Piece &piece) {
  found = OddValues();
  nonzero.assign(recipe.sources.size(), false);
  scaleRowSource = nullptr;
  switch (recipe.layout) {
  case Layout::Rows:
    return readRows(recipe, piece, piece.rowEnd - piece.rowBegin, output);
  case Layout::Panels:
    return buildPanels(recipe, piece);
  case Layout::PanelScales:
    return buildPanelScales(recipe, piece);
  case Layout::RopeTable:
    buildRope(recipe.rope, piece);
    return llvm::Error::success();
  }
  return llvm::Error::success();
}

} // namespace fathom::codegen

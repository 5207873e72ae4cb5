// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the bytes of one piece of a weight slice.

#include "codegen/artifact/PieceBuilder.h"

#include "codegen/artifact/PackLoops.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::codegen {

uint8_t *PieceBuilder::getBuffer(uint64_t size) {
  if (buffersInUse == buffers.size()) {
    buffers.emplace_back();
  }
  std::vector<uint8_t> &buffer = buffers[buffersInUse++];
  buffer.resize(size);
  return buffer.data();
}

llvm::Error PieceBuilder::readBytes(const Source &source, const Piece &piece, uint8_t *target) {
  uint64_t width = byteWidth(source.type);
  uint64_t rowBytes = source.columns * width;
  uint64_t partBytes = piece.columns * width;
  uint64_t offset = source.offset + piece.row * rowBytes + piece.column * width;
  if (partBytes == rowBytes) {
    return reader.read(source.shard, offset, target, rowBytes * piece.rows);
  }
  for (int64_t i = 0; i < piece.rows; ++i) {
    if (llvm::Error error = reader.read(source.shard, offset + i * rowBytes, target + i * partBytes, partBytes)) {
      return error;
    }
  }
  return llvm::Error::success();
}

/// Adds what is odd in `elements`, a piece of a source, to what was found.
void PieceBuilder::judge(uint32_t source, const Piece &piece, const uint8_t *elements) {
  ElementType type = recipe->sources[source].type;
  int64_t size = piece.rows * piece.columns;
  if (recipe->sources[source].scale) {
    for (int64_t i = 0; i < size; ++i) {
      float scale;
      memcpy(&scale, elements + i * sizeof(scale), sizeof(scale));
      found.badScales += !isPlausibleScale(scale);
    }
    return;
  }
  uint64_t count = countNonFinite(type, elements, size);
  if (count == 0) {
    return;
  }
  int64_t first = 0;
  while (countNonFinite(type, elements + first * byteWidth(type), 1) == 0) {
    ++first;
  }
  ElementPlace place{source, piece.row + first / piece.columns, piece.column + first % piece.columns};
  found.firstNonFinite = found.nonFinite == 0 ? place : std::min(found.firstNonFinite, place);
  found.nonFinite += count;
}

llvm::Error PieceBuilder::readSource(uint32_t number, const Piece &piece, Visit visit, uint8_t *target) {
  if (llvm::Error error = readBytes(recipe->sources[number], piece, target)) {
    return error;
  }
  if (visit == Visit::First) {
    nonzero[number] = nonzero[number] || !isZero(target, shapes[number].countBytes(piece));
    judge(number, piece, target);
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const RopeTable &rope, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  for (int64_t position = piece.row; position < piece.row + piece.rows; ++position) {
    for (int64_t column = piece.column; column < piece.column + piece.columns; column += 2) {
      double angle = static_cast<double>(position) * rope.frequencies[column / 2];
      float pair[2] = {static_cast<float>(rope.magnitude * std::cos(angle)),
                       static_cast<float>(rope.magnitude * std::sin(angle))};
      memcpy(target, pair, sizeof(pair));
      target += sizeof(pair);
    }
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const Constant &constant, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint64_t width = byteWidth(constant.type), bytes = piece.columns * width;
  for (int64_t row = piece.row; row < piece.row + piece.rows; ++row) {
    memcpy(target, constant.bytes.data() + (row * constant.columns + piece.column) * width, bytes);
    target += bytes;
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const Transpose &transpose, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint32_t input = step.inputs.front();
  Piece source = {piece.column, piece.columns, piece.row, piece.rows};
  uint8_t *elements = getBuffer(shapes[input].countBytes(source));
  if (llvm::Error error = read(input, source, visit, elements)) {
    return error;
  }
  packPanel(shapes[input].type, elements, source.columns, source.rows, target);
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const ToF32 &convert, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint32_t input = step.inputs.front();
  uint8_t *elements = getBuffer(shapes[input].countBytes(piece));
  if (llvm::Error error = read(input, piece, visit, elements)) {
    return error;
  }
  convertToF32(shapes[input].type, elements, piece.rows * piece.columns, reinterpret_cast<float *>(target));
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const Unpack &unpack, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  int64_t inByte = 8 / unpack.bits, begin = piece.column / inByte;
  int64_t end = (piece.column + piece.columns + inByte - 1) / inByte;
  Piece packed = {piece.row, piece.rows, begin, end - begin};
  uint8_t *bytes = getBuffer(packed.rows * packed.columns);
  if (llvm::Error error = read(step.inputs.front(), packed, visit, bytes)) {
    return error;
  }
  auto *numbers = reinterpret_cast<float *>(target);
  for (int64_t row = 0; row < piece.rows; ++row) {
    unpackNumbers(unpack, bytes + row * packed.columns, piece.column % inByte, piece.columns,
                  numbers + row * piece.columns);
  }
  return llvm::Error::success();
}

/// The blocks that a piece touches, as a piece of the matrix that has a number for each.
static Piece findBlocks(const Dequantize &blocks, const Piece &piece) {
  int64_t row = piece.row / blocks.blockRows, column = piece.column / blocks.blockColumns;
  return {row, (piece.row + piece.rows - 1) / blocks.blockRows + 1 - row, column,
          (piece.column + piece.columns - 1) / blocks.blockColumns + 1 - column};
}

llvm::Expected<const float *> PieceBuilder::readBlocks(const Dequantize &blocks, uint32_t matrix, const Piece &piece,
                                                       Visit visit) {
  Piece all = findBlocks(blocks, piece);
  auto *numbers = reinterpret_cast<float *>(getBuffer(shapes[matrix].countBytes(all)));
  // What begins in another piece counts there.
  int64_t before = all.column * blocks.blockColumns < piece.column;
  for (int64_t row = 0; row < all.rows; ++row) {
    Visit rowVisit = (all.row + row) * blocks.blockRows < piece.row ? Visit::Again : visit;
    for (auto [begin, end, partVisit] :
         {std::tuple(int64_t(0), before, Visit::Again), {before, all.columns, rowVisit}}) {
      Piece part = {all.row + row, 1, all.column + begin, end - begin};
      auto *target = reinterpret_cast<uint8_t *>(numbers + row * all.columns + begin);
      if (llvm::Error error = begin < end ? read(matrix, part, partVisit, target) : llvm::Error::success()) {
        return std::move(error);
      }
    }
  }
  return numbers;
}

/// Numbers of one row, from column `first` on, by the scales and zeros of the blocks that they are in.
static void scaleRow(const Dequantize &blocks, int64_t first, llvm::MutableArrayRef<float> numbers, const float *scales,
                     const float *zeros) {
  int64_t count = numbers.size(), firstBlock = first / blocks.blockColumns;
  for (int64_t i = 0; i < count;) {
    int64_t block = (first + i) / blocks.blockColumns;
    int64_t end = std::min(count, (block + 1) * blocks.blockColumns - first);
    float scale = scales[block - firstBlock], zero = zeros ? zeros[block - firstBlock] : blocks.zero;
    for (; i < end; ++i) {
      numbers[i] = (numbers[i] - zero) * scale;
    }
  }
}

llvm::Error PieceBuilder::run(const Dequantize &dequantize, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  int64_t count = piece.rows * piece.columns;
  auto *numbers = reinterpret_cast<float *>(getBuffer(count * sizeof(float)));
  if (llvm::Error error = read(step.inputs[0], piece, visit, reinterpret_cast<uint8_t *>(numbers))) {
    return error;
  }
  const float *found[2] = {nullptr, nullptr};
  for (size_t i = 1; i < step.inputs.size(); ++i) {
    llvm::Expected<const float *> blocks = readBlocks(dequantize, step.inputs[i], piece, visit);
    if (!blocks) {
      return blocks.takeError();
    }
    found[i - 1] = *blocks;
  }
  int64_t firstBlock = piece.row / dequantize.blockRows, blockColumns = findBlocks(dequantize, piece).columns;
  for (int64_t row = 0; row < piece.rows; ++row) {
    int64_t block = ((piece.row + row) / dequantize.blockRows - firstBlock) * blockColumns;
    scaleRow(dequantize, piece.column, {numbers + row * piece.columns, size_t(piece.columns)}, found[0] + block,
             found[1] ? found[1] + block : nullptr);
  }
  convertFromF32(dequantize.type, numbers, count, target);
  return llvm::Error::success();
}

llvm::Expected<const float *> PieceBuilder::readNumbers(uint32_t matrix, const Piece &piece, Visit visit) {
  int64_t count = piece.rows * piece.columns;
  auto *numbers = reinterpret_cast<float *>(getBuffer(count * sizeof(float)));
  uint8_t *elements = getBuffer(shapes[matrix].countBytes(piece));
  if (llvm::Error error = read(matrix, piece, visit, elements)) {
    return std::move(error);
  }
  convertToF32(shapes[matrix].type, elements, count, numbers);
  return numbers;
}

llvm::Error PieceBuilder::run(const ToBF16 &convert, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  llvm::Expected<const float *> numbers = readNumbers(step.inputs.front(), piece, visit);
  if (!numbers) {
    return numbers.takeError();
  }
  convertFromF32(ElementType::BF16, *numbers, piece.rows * piece.columns, target);
  return llvm::Error::success();
}

/// Calls visit(numbers, count) for each group of a row, the last of which may be of fewer.
template <typename Visitor>
static void forEachGroup(const float *numbers, const Piece &piece, int64_t group, Visitor visit) {
  for (int64_t row = 0; row < piece.rows; ++row, numbers += piece.columns) {
    for (int64_t i = 0; i < piece.columns; i += group) {
      visit(numbers + i, std::min(group, piece.columns - i));
    }
  }
}

llvm::Error PieceBuilder::run(const Quantize &quantize, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  llvm::Expected<const float *> numbers = readNumbers(step.inputs.front(), piece, visit);
  if (!numbers) {
    return numbers.takeError();
  }
  forEachGroup(*numbers, piece, quantize.group, [&](const float *group, int64_t count) {
    quantizeGroup(quantize.type, group, count, findScale(quantize.type, group, count), target);
    target += count;
  });
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const QuantizeScales &quantize, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint32_t input = step.inputs.front();
  int64_t begin = piece.column * quantize.group;
  int64_t end = std::min((piece.column + piece.columns) * quantize.group, shapes[input].columns);
  Piece groups = {piece.row, piece.rows, begin, end - begin};
  llvm::Expected<const float *> numbers = readNumbers(input, groups, visit);
  if (!numbers) {
    return numbers.takeError();
  }
  ElementType type = getScaleType(quantize.quantized);
  forEachGroup(*numbers, groups, quantize.group, [&](const float *group, int64_t count) {
    float scale = findScale(quantize.quantized, group, count);
    convertFromF32(type, &scale, 1, target);
    target += byteWidth(type);
  });
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const RepeatRows &repeat, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint32_t input = step.inputs.front();
  uint64_t rowBytes = shapes[input].countBytes({0, 1, piece.column, piece.columns});
  for (int64_t row = piece.row; row < piece.row + piece.rows;) {
    int64_t end = std::min((row / repeat.block + 1) * repeat.block, piece.row + piece.rows);
    Visit inputVisit = row % repeat.block == 0 ? visit : Visit::Again;
    Piece inputRow = {row / repeat.block, 1, piece.column, piece.columns};
    if (llvm::Error error = read(input, inputRow, inputVisit, target)) {
      return error;
    }
    for (int64_t copy = 1; copy < end - row; ++copy) {
      memcpy(target + copy * rowBytes, target, rowBytes);
    }
    target += (end - row) * rowBytes;
    row = end;
  }
  return llvm::Error::success();
}

template <typename RowMap>
llvm::Error PieceBuilder::run(const RowMap &map, const Step &step, const Piece &piece, Visit visit, uint8_t *target) {
  int64_t end = piece.row + piece.rows;
  for (int64_t row = piece.row; row < end;) {
    RowRun run = getRowRun(map, step, shapes, row, end);
    Piece rows = {run.row, run.count, piece.column, piece.columns};
    uint64_t bytes = shapes[step.inputs.front()].countBytes(rows);
    if (!run.input) {
      memset(target, 0, bytes);
    } else if (llvm::Error error = read(*run.input, rows, visit, target)) {
      return error;
    }
    target += bytes;
    row += run.count;
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::run(const PackPanels &pack, const Step &step, const Piece &piece, Visit visit,
                              uint8_t *target) {
  uint32_t input = step.inputs.front();
  Piece padded = {piece.row * pack.width, piece.rows * pack.width, piece.column / pack.width,
                  piece.columns / pack.width};
  Piece rows = padded;
  rows.rows = std::min(rows.rows, shapes[input].rows - rows.row);
  uint64_t paddedBytes = shapes[input].countBytes(padded), bytes = shapes[input].countBytes(rows);
  uint8_t *elements = getBuffer(paddedBytes);
  if (llvm::Error error = read(input, rows, visit, elements)) {
    return error;
  }
  memset(elements + bytes, 0, paddedBytes - bytes);
  uint64_t panelBytes = paddedBytes / piece.rows;
  for (int64_t panel = 0; panel < piece.rows; ++panel) {
    packPanel(shapes[input].type, elements + panel * panelBytes, padded.columns, pack.width,
              target + panel * panelBytes);
  }
  return llvm::Error::success();
}

llvm::Error PieceBuilder::read(uint32_t matrix, const Piece &piece, Visit visit, uint8_t *target) {
  if (matrix < recipe->sources.size()) {
    return readSource(matrix, piece, visit, target);
  }
  llvm::scope_exit release([this, before = buffersInUse] { buffersInUse = before; });
  const Step &step = recipe->steps[matrix - recipe->sources.size()];
  return std::visit([&](const auto &action) { return run(action, step, piece, visit, target); }, step.action);
}

llvm::Error PieceBuilder::build(const SliceRecipe &what, const Piece &piece) {
  recipe = &what;
  shapes = llvm::cantFail(inferShapes(what, "a weight"));
  found = OddValues();
  nonzero.assign(what.sources.size(), false);
  uint32_t result = shapes.size() - 1;
  output.resize(shapes[result].countBytes(piece));
  return read(result, piece, Visit::First, output.data());
}

} // namespace fathom::codegen

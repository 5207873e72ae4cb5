// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a recipe amounts to: shapes, sizes, row maps and pieces.

#include "codegen/artifact/RecipePlan.h"

#include "dialects/support/ExitError.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

namespace fathom::codegen {

/// Wider than any that a kernel reads.
static constexpr int64_t kWidestPanel = 1 << 12;

/// Keeps products of a size with a panel's width and an element's inside an int64_t.
static constexpr int64_t kLargestSize = INT64_MAX >> 16;

static int64_t ceilDiv(int64_t value, int64_t divisor) { return value / divisor + (value % divisor != 0); }

/// a * b, or false when that overflows a uint64_t.
static bool multiply(uint64_t a, uint64_t b, uint64_t &product) { return !__builtin_mul_overflow(a, b, &product); }

namespace {

/// Checks one recipe and finds its shapes, then its size.
class RecipeChecker {
public:
  RecipeChecker(const SliceRecipe &recipe, const llvm::Twine &what) : recipe(recipe), what(what.str()) {}

  llvm::Error inferShapes();
  llvm::Error checkRange(const Source &source, llvm::ArrayRef<ShardFile> shards) const;
  llvm::Expected<uint64_t> getSize() const;
  std::vector<MatrixShape> takeShapes() { return std::move(shapes); }

private:
  using Inputs = llvm::ArrayRef<MatrixShape>;

  llvm::Error bad(const llvm::Twine &why) const {
    return makeError(ExitCode::Internal, "recipe of " + what + ": " + why);
  }
  llvm::Error add(const MatrixShape &shape);
  llvm::Error addStep(const Step &step);
  llvm::Expected<MatrixShape> infer(const RopeTable &rope, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const Constant &constant, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const ToF32 &convert, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const ToBF16 &convert, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const Unpack &unpack, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const Dequantize &dequantize, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const Quantize &quantize, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const QuantizeScales &quantize, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const Transpose &transpose, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const SliceRows &slice, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const RepeatRows &repeat, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const ConcatRows &concat, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const InterleaveRows &interleave, Inputs inputs) const;
  llvm::Expected<MatrixShape> infer(const PackPanels &pack, Inputs inputs) const;

  const SliceRecipe &recipe;
  std::string what;
  std::vector<MatrixShape> shapes;
};

} // namespace

llvm::Expected<MatrixShape> RecipeChecker::infer(const RopeTable &rope, Inputs inputs) const {
  if (!inputs.empty()) {
    return bad("a rope table with inputs");
  }
  return MatrixShape{rope.positions, static_cast<int64_t>(rope.frequencies.size()) * 2, ElementType::F32,
                     /*columnUnit=*/2};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const Constant &constant, Inputs inputs) const {
  uint64_t bytes = 0;
  if (!inputs.empty() || !multiply(constant.rows, constant.columns, bytes) ||
      !multiply(bytes, byteWidth(constant.type), bytes) || constant.bytes.size() != bytes) {
    return bad("a constant with inputs, or of a size that is not its shape's");
  }
  return MatrixShape{constant.rows, constant.columns, constant.type};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const Transpose &transpose, Inputs inputs) const {
  if (inputs.size() != 1 || inputs.front().columnUnit != 1) {
    return bad("a transposition of other than one matrix of single columns");
  }
  return MatrixShape{inputs.front().columns, inputs.front().rows, inputs.front().type};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const ToF32 &convert, Inputs inputs) const {
  if (inputs.size() != 1) {
    return bad("a conversion of " + llvm::Twine(inputs.size()) + " inputs");
  }
  MatrixShape result = inputs.front();
  result.type = ElementType::F32;
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const ToBF16 &convert, Inputs inputs) const {
  llvm::Expected<MatrixShape> result = infer(ToF32(), inputs);
  if (result) {
    result->type = ElementType::BF16;
  }
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const Unpack &unpack, Inputs inputs) const {
  bool isPacked = llvm::is_contained({1u, 2u, 4u, 8u}, unpack.bits) && unpack.values.size() == 1u << unpack.bits;
  if (inputs.size() != 1 || inputs.front().type != ElementType::Byte || !isPacked) {
    return bad("packed numbers that are not bytes of one input");
  }
  MatrixShape result = inputs.front();
  result.columns *= 8 / unpack.bits;
  result.type = ElementType::F32;
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const Dequantize &dequantize, Inputs inputs) const {
  auto isReal = [](const MatrixShape &input) { return input.type == ElementType::F32 && input.columnUnit == 1; };
  auto [columns, blockRows, blockColumns, zero, type] = dequantize;
  bool isSound = llvm::all_of(inputs, isReal) && (inputs.size() == 2 || inputs.size() == 3) && columns >= 1 &&
                 blockRows >= 1 && blockColumns >= 1 && inputs[0].columns >= columns &&
                 (type == ElementType::F32 || type == ElementType::BF16);
  int64_t rows = isSound ? ceilDiv(inputs[0].rows, blockRows) : 0, width = isSound ? ceilDiv(columns, blockColumns) : 0;
  bool fits = isSound && inputs[1].rows == rows && inputs[1].columns == width &&
              (inputs.size() == 2 || (inputs[2].rows == rows && inputs[2].columns >= width));
  if (!fits) {
    return bad("numbers, scales and zeros that do not fit");
  }
  return MatrixShape{inputs[0].rows, columns, type};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const Quantize &quantize, Inputs inputs) const {
  if (inputs.size() != 1 || inputs.front().columnUnit != 1 || quantize.group < 1 || quantize.group > kLargestSize ||
      inputs.front().type == ElementType::Byte ||
      (quantize.type != ElementType::Byte && quantize.type != ElementType::F8E4M3)) {
    return bad("a quantization of other than one matrix of numbers");
  }
  return MatrixShape{inputs.front().rows, inputs.front().columns, quantize.type, quantize.group};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const QuantizeScales &quantize, Inputs inputs) const {
  llvm::Expected<MatrixShape> numbers = infer(Quantize{quantize.group, quantize.quantized}, inputs);
  if (!numbers) {
    return numbers.takeError();
  }
  return MatrixShape{numbers->rows, ceilDiv(numbers->columns, quantize.group), getScaleType(numbers->type)};
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const SliceRows &slice, Inputs inputs) const {
  auto [begin, step, rows] = slice;
  bool fits = inputs.size() == 1 && begin >= 0 && step >= 1 && rows >= 1 && begin < inputs.front().rows &&
              (inputs.front().rows - 1 - begin) / step + 1 >= rows;
  if (!fits) {
    return bad(llvm::Twine(rows) + " rows from " + llvm::Twine(begin) + ", " + llvm::Twine(step) +
               " apart, are not those of one input");
  }
  MatrixShape result = inputs.front();
  result.rows = rows;
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const RepeatRows &repeat, Inputs inputs) const {
  bool fits = inputs.size() == 1 && repeat.block >= 1 && ceilDiv(repeat.rows, repeat.block) == inputs.front().rows;
  if (!fits) {
    return bad(llvm::Twine(repeat.rows) + " rows are not those of one input, each repeated " +
               llvm::Twine(repeat.block) + " times");
  }
  MatrixShape result = inputs.front();
  result.rows = repeat.rows;
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const ConcatRows &concat, Inputs inputs) const {
  if (inputs.empty()) {
    return bad("rows of no inputs");
  }
  MatrixShape result = inputs.front();
  for (const MatrixShape &input : inputs.drop_front()) {
    if (input.columns != result.columns) {
      return bad("inputs with " + llvm::Twine(result.columns) + " and " + llvm::Twine(input.columns) + " columns");
    }
    if (input.type != result.type) {
      return bad("inputs of different element types");
    }
    result.rows = std::min(result.rows + input.rows, kLargestSize + 1);
  }
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const InterleaveRows &interleave, Inputs inputs) const {
  bool halves = inputs.size() == 1 && inputs.front().rows % 2 == 0;
  if (!halves || interleave.block < 1 || interleave.block > kLargestSize) {
    return bad("interleaved rows need one input with an even number of rows");
  }
  MatrixShape result = inputs.front();
  result.rows = 2 * llvm::alignTo(result.rows / 2, interleave.block);
  return result;
}

llvm::Expected<MatrixShape> RecipeChecker::infer(const PackPanels &pack, Inputs inputs) const {
  if (inputs.size() != 1) {
    return bad("panels of " + llvm::Twine(inputs.size()) + " inputs");
  }
  if (pack.width < 1 || pack.width > kWidestPanel) {
    return bad("panels of " + llvm::Twine(pack.width) + " rows, expected 1 to " + llvm::Twine(kWidestPanel));
  }
  const MatrixShape &input = inputs.front();
  return MatrixShape{ceilDiv(input.rows, pack.width), input.columns * pack.width, input.type,
                     input.columnUnit * pack.width};
}

llvm::Error RecipeChecker::add(const MatrixShape &shape) {
  if (shape.rows < 1 || shape.columns < 1 || shape.rows > kLargestSize || shape.columns > kLargestSize) {
    return bad("a matrix of shape [" + llvm::Twine(shape.rows) + ", " + llvm::Twine(shape.columns) + "]");
  }
  shapes.push_back(shape);
  return llvm::Error::success();
}

llvm::Error RecipeChecker::addStep(const Step &step) {
  llvm::SmallVector<MatrixShape> inputs;
  for (uint32_t input : step.inputs) {
    if (input >= shapes.size()) {
      return bad("a step that reads matrix " + llvm::Twine(input) + " of " + llvm::Twine(shapes.size()));
    }
    inputs.push_back(shapes[input]);
  }
  llvm::Expected<MatrixShape> shape =
      std::visit([&](const auto &action) { return infer(action, inputs); }, step.action);
  return shape ? add(*shape) : shape.takeError();
}

llvm::Error RecipeChecker::inferShapes() {
  // Steps call each other when they run: so many fit on a stack.
  constexpr size_t stepLimit = 1 << 8;
  constexpr size_t sourceLimit = 1 << 14;
  if (recipe.sources.size() > sourceLimit || recipe.steps.size() > stepLimit ||
      recipe.sources.size() + recipe.steps.size() == 0) {
    return bad(llvm::Twine(recipe.sources.size()) + " sources and " + llvm::Twine(recipe.steps.size()) + " steps");
  }
  for (const Source &source : recipe.sources) {
    if (source.scale && source.type != ElementType::F32) {
      return bad("scales that are not f32");
    }
    if (llvm::Error error = add({source.rows, source.columns, source.type})) {
      return error;
    }
  }
  for (const Step &step : recipe.steps) {
    if (llvm::Error error = addStep(step)) {
      return error;
    }
  }
  return llvm::Error::success();
}

llvm::Error RecipeChecker::checkRange(const Source &source, llvm::ArrayRef<ShardFile> shards) const {
  if (source.shard >= shards.size()) {
    return bad("shard " + llvm::Twine(source.shard) + " of " + llvm::Twine(shards.size()));
  }
  const ShardFile &shard = shards[source.shard];
  uint64_t bytes = 0;
  uint64_t end = 0;
  if (!multiply(source.rows, source.columns, bytes) || !multiply(bytes, byteWidth(source.type), bytes) ||
      __builtin_add_overflow(source.offset, bytes, &end) || end > shard.size) {
    return makeError(ExitCode::BadInput, what + " lies beyond the end of " + quotePath(shard.path) + " (" +
                                             llvm::Twine(shard.size) + " bytes)");
  }
  return llvm::Error::success();
}

llvm::Expected<uint64_t> RecipeChecker::getSize() const {
  const MatrixShape &result = shapes.back();
  uint64_t bytes = 0;
  if (!multiply(result.rows, result.countBytes({0, 1, 0, result.columns}), bytes)) {
    return makeError(ExitCode::Unsupported, what + " is too large");
  }
  return bytes;
}

llvm::Expected<std::vector<MatrixShape>> inferShapes(const SliceRecipe &recipe, const llvm::Twine &what) {
  RecipeChecker checker(recipe, what);
  if (llvm::Error error = checker.inferShapes()) {
    return std::move(error);
  }
  return checker.takeShapes();
}

MatrixShape getResultShape(const SliceRecipe &recipe) { return llvm::cantFail(inferShapes(recipe, "a weight")).back(); }

llvm::Expected<uint64_t> computeSliceSize(const SliceRecipe &recipe, llvm::ArrayRef<ShardFile> shards,
                                          const llvm::Twine &what) {
  RecipeChecker checker(recipe, what);
  if (llvm::Error error = checker.inferShapes()) {
    return std::move(error);
  }
  for (const Source &source : recipe.sources) {
    if (llvm::Error error = checker.checkRange(source, shards)) {
      return std::move(error);
    }
  }
  return checker.getSize();
}

RowRun getRowRun(const SliceRows &slice, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end) {
  return {step.inputs.front(), slice.begin + row * slice.step, slice.step == 1 ? end - row : 1};
}

RowRun getRowRun(const ConcatRows &concat, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end) {
  int64_t inputRow = row;
  for (uint32_t input : step.inputs) {
    int64_t rows = shapes[input].rows;
    if (inputRow < rows) {
      return {input, inputRow, std::min(end - row, rows - inputRow)};
    }
    inputRow -= rows;
  }
  return {std::nullopt, 0, end - row};
}

RowRun getRowRun(const InterleaveRows &interleave, const Step &step, llvm::ArrayRef<MatrixShape> shapes, int64_t row,
                 int64_t end) {
  uint32_t input = step.inputs.front();
  int64_t half = shapes[input].rows / 2;
  int64_t block = row / interleave.block;
  int64_t inBlock = row % interleave.block;
  int64_t inHalf = block / 2 * interleave.block + inBlock;
  int64_t count = std::min(end - row, interleave.block - inBlock);
  if (inHalf >= half) {
    return {std::nullopt, 0, count};
  }
  return {input, block % 2 * half + inHalf, std::min(count, half - inHalf)};
}

PieceCursor::PieceCursor(const MatrixShape &shape, uint64_t pieceBytes) : shape(shape), columnStep(shape.columns) {
  int64_t budget = std::max<int64_t>(1, pieceBytes / byteWidth(shape.type));
  if (shape.columns > budget) {
    columnStep = std::max(shape.columnUnit, budget / shape.columnUnit * shape.columnUnit);
  } else {
    rowStep = budget / shape.columns;
  }
}

Piece PieceCursor::next() {
  Piece piece{row, std::min(rowStep, shape.rows - row), column, std::min(columnStep, shape.columns - column)};
  column += piece.columns;
  if (column == shape.columns) {
    column = 0;
    row += piece.rows;
  }
  return piece;
}

} // namespace fathom::codegen

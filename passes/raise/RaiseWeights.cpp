// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights that are stored as other numbers.

#include "passes/raise/Passes.h"
#include "passes/raise/Quantized.h"
#include "passes/raise/View.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEWEIGHTS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

static RankedTensorType getType(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static bool isPacked(Value value) {
  RankedTensorType type = getType(value);
  return type && deepseek::isStored(type) && deepseek::isPackedElement(type.getElementType());
}

/// The block of a matrix that has one scale, one for each index along an axis, or one for each block of indices.
static std::optional<std::array<int64_t, 2>> findBlock(NodeOp node, RankedTensorType matrix) {
  RankedTensorType scales = getType(node.getInputs()[1]);
  int64_t axis = node.getInteger("axis", 1), size = node.getInteger("block_size", 0);
  axis += axis < 0 ? 2 : 0;
  std::array<int64_t, 2> block = {matrix.getDimSize(0), matrix.getDimSize(1)};
  if (!scales || !scales.hasStaticShape() || axis < 0 || axis > 1 || size < 0) {
    return std::nullopt;
  }
  if (scales.getNumElements() == 1) {
    return block;
  }
  if (size > 0) {
    block = {1, 1};
    block[axis] = size;
    return block;
  }
  block[axis] = 1;
  return scales.getNumElements() == matrix.getDimSize(axis) ? std::optional(block) : std::nullopt;
}

/// ONNX's own operator, of a constant matrix, or of rows of one that are gathered.
static LogicalResult raiseDequantizeLinear(NodeOp node, PatternRewriter &rewriter) {
  Value numbers = node.getInputs()[0];
  NodeOp gather = matchNode(numbers, "Gather");
  bool isTable = gather && gather.getInteger("axis", 0) == 0;
  numbers = isTable ? gather.getInputs()[0] : numbers;
  RankedTensorType result = getType(node.getOutputs()[0]), stored = getType(numbers);
  if (!isPacked(numbers) || stored.getRank() != 2 || !raise::isConstant(numbers) || !result ||
      !raise::isConstant(node.getInputs()[1])) {
    return rewriter.notifyMatchFailure(node, "is not of a constant matrix of few bits");
  }
  std::optional<std::array<int64_t, 2>> block = findBlock(node, stored);
  Quantized of = {stored.clone(result.getElementType()), numbers, node.getInputs()[1], Value(), {}};
  bool hasOneScale = block && ArrayRef(*block) == stored.getShape();
  if (!block || (isTable && !hasOneScale) || !setZeros(of, node.getInput(2))) {
    return rewriter.notifyMatchFailure(node, "has scales that do not fit");
  }
  of.block = *block;
  Value weight = createDequantize(rewriter, node.getLoc(), of);
  rewriter.replaceOp(
      node, isTable ? createNode(rewriter, node.getLoc(), "Gather", result, ValueRange{weight, gather.getInputs()[1]})
                    : weight);
  return success();
}

static bool setPacked(Quantized &of, NodeOp node, Value zeros) {
  return setPacked(of, node.getInteger("bits", 4), node.getInteger("block_size", 128), zeros);
}

/// A product with the transposed matrix of N rows, and its bias.
static LogicalResult raiseMatMulNBits(NodeOp node, PatternRewriter &rewriter) {
  Value input = node.getInputs()[0], bias = node.getInput(5);
  RankedTensorType type = getType(input), result = getType(node.getOutputs()[0]);
  int64_t rows = node.getInteger("N", 0), columns = node.getInteger("K", 0);
  if (!type || !result || rows < 1 || columns < 1 || node.getInput(4)) {
    return rewriter.notifyMatchFailure(node, "has columns in groups that are not side by side");
  }
  Quantized of = {RankedTensorType::get({rows, columns}, type.getElementType()),
                  node.getInputs()[1],
                  node.getInputs()[2],
                  Value(),
                  {}};
  if (!setPacked(of, node, node.getInput(3))) {
    return rewriter.notifyMatchFailure(node, "has weights that are not constants of 2, 4 or 8 bits");
  }
  Location loc = node.getLoc();
  Value weight = createTranspose(rewriter, loc, createDequantize(rewriter, loc, of), {1, 0});
  Value product = createNode(rewriter, loc, "MatMul", result, ValueRange{input, weight});
  rewriter.replaceOp(node, bias ? createSum(rewriter, loc, product, bias) : product);
  return success();
}

/// Rows of a matrix that is quantized along them.
static LogicalResult raiseGatherBlockQuantized(NodeOp node, PatternRewriter &rewriter) {
  Value numbers = node.getInputs()[0], scales = node.getInputs()[2];
  RankedTensorType type = getType(numbers), result = getType(node.getOutputs()[0]), grid = getType(scales);
  int64_t axis = node.getInteger("quantize_axis", 1), gathered = node.getInteger("gather_axis", 0),
          size = node.getInteger("block_size", 128);
  bool alongRows =
      type && type.getRank() == 2 && (axis == 1 || axis == -1) && (gathered == 0 || gathered == -2) && size > 0;
  if (!alongRows || !result || !grid || result.getRank() < 1) {
    return rewriter.notifyMatchFailure(node, "does not gather rows");
  }
  bool isBytes = type.getElementType().isUnsignedInteger(8);
  auto matrix = RankedTensorType::get({type.getDimSize(0), result.getShape().back()}, grid.getElementType());
  Quantized of = {matrix, numbers, scales, Value(), {1, size}};
  bool fits = isBytes ? setPacked(of, node, node.getInput(3))
                      : isPacked(numbers) && raise::isConstant(numbers) && setZeros(of, node.getInput(3));
  if (!fits || matrix.isDynamicDim(1)) {
    return rewriter.notifyMatchFailure(node, "has a table that is not a constant of few bits");
  }
  Location loc = node.getLoc();
  rewriter.replaceOp(node, createNode(rewriter, loc, "Gather", result,
                                      ValueRange{createDequantize(rewriter, loc, of), node.getInputs()[1]}));
  return success();
}

/// What a Slice takes from the front of every dimension; other values as they are.
static Value skipSlices(Value value) {
  auto beginsInFront = [](NodeOp slice) {
    auto all = [](Value list, int64_t number) {
      std::optional<SmallVector<int64_t>> numbers = getIntegers(list);
      return numbers && llvm::all_of(*numbers, [&](int64_t each) { return each == number; });
    };
    return all(slice.getInput(1), 0) && (!slice.getInput(4) || all(slice.getInput(4), 1));
  };
  for (NodeOp slice = matchNode(value, "Slice"); slice && beginsInFront(slice); slice = matchNode(value, "Slice")) {
    value = slice.getInputs()[0];
  }
  return value;
}

/// A constant as the elements of a row, and `value` as a view of them, where that only repeats them.
static std::optional<std::pair<Value, View>> findRepeated(Value value) {
  SmallVector<NodeOp> moves;
  auto node = value.getDefiningOp<NodeOp>();
  for (; node && (node.is("Reshape") || node.is("Expand") || node.is("Cast")); node = value.getDefiningOp<NodeOp>()) {
    moves.push_back(node);
    value = node.getInputs()[0];
  }
  RankedTensorType type = getType(value);
  if (!type || !type.hasStaticShape() || !raise::isConstant(value)) {
    return std::nullopt;
  }
  auto whole = RankedTensorType::get({type.getNumElements()}, type.getElementType());
  std::optional<View> view = reshape(View{Value(), {Dim::columns(whole.getNumElements(), 1)}}, type);
  for (NodeOp move : llvm::reverse(moves)) {
    RankedTensorType to = getType(move.getOutputs()[0]);
    bool isStatic = view && to && to.hasStaticShape();
    view = !isStatic            ? std::nullopt
           : move.is("Expand")  ? expand(*view, to)
           : move.is("Reshape") ? reshape(*view, to)
                                : view;
  }
  return view ? std::optional(std::pair(value, *view)) : std::nullopt;
}

/// How often a dimension repeats each of its numbers, `stride` apart; all `size` of them where there is one. 0 where it
/// does not.
static int64_t findRepetition(const Dim &dim, int64_t count, int64_t stride, int64_t size) {
  ArrayRef<Factor> factors = dim.factors;
  if (count > 1 && (factors.empty() || !(factors.front() == Factor{count, stride}))) {
    return 0;
  }
  factors = factors.drop_front(count > 1);
  bool repeats = factors.size() == 1 && factors.front().stride == 0;
  return factors.empty() ? (count > 1 ? 1 : size) : repeats ? factors.front().size : 0;
}

/// The block of a matrix that each of a constant's numbers is for, where `value` broadcasts to one for each element.
static std::optional<std::pair<Value, std::array<int64_t, 2>>> findGrid(Value value, RankedTensorType matrix) {
  auto repeated = findRepeated(skipSlices(value));
  if (!repeated || repeated->second.rank() > 2) {
    return std::nullopt;
  }
  View view = repeated->second;
  view.dims.insert(view.dims.begin(), 2 - view.rank(), Dim());
  int64_t numbers = getType(repeated->first).getNumElements(), columns = 1;
  for (const Factor &factor : view.dims[1].factors) {
    columns *= factor.stride > 0 ? factor.size : 1;
  }
  int64_t rows = numbers / columns;
  std::array<int64_t, 2> block = {findRepetition(view.dims[0], rows, columns, matrix.getDimSize(0)),
                                  findRepetition(view.dims[1], columns, 1, matrix.getDimSize(1))};
  bool fits = rows * columns == numbers && block[0] > 0 && block[1] > 0 &&
              llvm::divideCeil(matrix.getDimSize(0), block[0]) == uint64_t(rows) &&
              llvm::divideCeil(matrix.getDimSize(1), block[1]) == uint64_t(columns);
  return fits ? std::optional(std::pair(repeated->first, block)) : std::nullopt;
}

/// Numbers of few bits that are converted, and scaled by blocks.
static LogicalResult raiseScaled(NodeOp node, PatternRewriter &rewriter) {
  RankedTensorType result = getType(node.getOutputs()[0]);
  for (auto [converted, scales] : eitherWay(node)) {
    Value numbers = converted;
    for (NodeOp cast = matchNode(numbers, "Cast"); cast; cast = matchNode(numbers, "Cast")) {
      numbers = cast.getInputs()[0];
    }
    if (numbers == converted || !isPacked(numbers) || !raise::isConstant(numbers) || !result ||
        getType(numbers).getShape() != result.getShape() || result.getRank() != 2) {
      continue;
    }
    if (auto grid = findGrid(scales, result)) {
      rewriter.replaceOp(
          node, createDequantize(rewriter, node.getLoc(), {result, numbers, grid->first, Value(), grid->second}));
      return success();
    }
  }
  return rewriter.notifyMatchFailure(node, "does not scale blocks of a constant matrix of few bits");
}

namespace {
struct RaiseWeight : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    return node.is("DequantizeLinear")                ? raiseDequantizeLinear(node, rewriter)
           : node.is("Mul")                           ? raiseScaled(node, rewriter)
           : node.isMicrosoft("MatMulNBits")          ? raiseMatMulNBits(node, rewriter)
           : node.isMicrosoft("GatherBlockQuantized") ? raiseGatherBlockQuantized(node, rewriter)
                                                      : rewriter.notifyMatchFailure(node, "is not of weights");
  }
};

struct RaiseWeights : impl::RaiseWeightsBase<RaiseWeights> {
  void runOnOperation() override {
    if (!applyPatterns<RaiseWeight>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

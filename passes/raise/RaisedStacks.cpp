// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of experts as one weight. Nothing is moved: rows of a matrix are found at their offset in a file.

#include "passes/raise/Nodes.h"
#include "passes/raise/RaisedWeights.h"
#include "passes/raise/StoredMatrices.h"

using namespace mlir;

namespace fathom::raise {

/// All matrices of a stack, as a recipe has them.
struct RaisedWeights::Whole {
  std::string name;
  Type element;
  /// The weight that has them as kernels read them; null where there is none.
  Value weight;
  std::function<Value(OpBuilder &)> read;
};

namespace {
/// The rows that a Slice takes of each matrix.
struct RowSlice {
  Value input;
  int64_t begin = 0, step = 1;
};
} // namespace

static RowSlice findRows(Value value) {
  onnx::NodeOp node = matchNode(value, "Slice");
  auto starts = node ? getIntegers(node.getInput(1)) : std::nullopt,
       steps = node ? getIntegers(node.getInput(4)) : std::nullopt;
  auto axes = node ? getAxes(node, 3, getRank(value)) : std::nullopt;
  if (!starts || starts->size() != 1 || !axes || axes->size() != 1 || axes->front() != 1) {
    return {value};
  }
  return {node.getInputs()[0], starts->front(), steps ? steps->front() : 1};
}

/// Whether a Reshape leaves matrices as they are.
static bool keepsMatrices(onnx::NodeOp reshape) {
  auto type = dyn_cast<RankedTensorType>(reshape.getOutputs()[0].getType()),
       input = dyn_cast<RankedTensorType>(reshape.getInputs()[0].getType());
  return type && input && type.getRank() >= 2 && input.getRank() >= 2 &&
         type.getShape().take_back(2) == input.getShape().take_back(2);
}

/// Adds the matrices of a value that is one, or a stack.
static void addMatrices(Value value, SmallVectorImpl<MatrixOf> &matrices) {
  for (onnx::NodeOp node;
       (node = matchNode(value, "Cast")) || ((node = matchNode(value, "Reshape")) && keepsMatrices(node));) {
    value = node.getInputs()[0];
  }
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !deepseek::isStored(type) || (type.getRank() != 2 && type.getRank() != 3)) {
    return;
  }
  for (int64_t number : llvm::seq(MatrixOf{value}.count())) {
    matrices.push_back({value, number});
  }
}

/// Those of a stack, of parts that are joined, or of a stack in another order.
static SmallVector<MatrixOf> listMatrices(Value value) {
  SmallVector<MatrixOf> matrices, ordered;
  onnx::NodeOp concat = matchNode(value, "Concat"), gather = matchNode(value, "Gather");
  if (concat && concat.getInteger("axis", 0) == 0) {
    llvm::for_each(concat.getInputs(), [&](Value part) { addMatrices(part, matrices); });
    return matrices;
  }
  addMatrices(gather ? gather.getInputs()[0] : value, matrices);
  if (!gather) {
    return matrices;
  }
  for (int64_t place : getIntegers(gather.getInputs()[1]).value_or(SmallVector<int64_t>())) {
    if (place >= 0 && place < int64_t(matrices.size())) {
      ordered.push_back(matrices[place]);
    }
  }
  return ordered;
}

/// Of matrices in files a weight, of others a constant.
std::optional<RaisedWeights::Matrix> RaisedWeights::addStack(const StoredMatrices &stored, const Twine &suffix) {
  RankedTensorType type = stored.getStack();
  if (stored.initializers.empty()) {
    return makeConstant(stored, type.getShape());
  }
  SmallVector<StringRef> names = llvm::map_to_vector(
      stored.initializers, [](onnx::InitializerOp initializer) { return initializer.getSymName(); });
  std::string name = (names.front() + ".experts" + suffix).str();
  if (auto known = symbols.lookup<deepseek::WeightOp>(name)) {
    // Another use of the same matrices.
    bool isSame = known.getType() == type && known.getLocations() == ArrayRef(stored.locations);
    return isSame ? std::optional(Matrix{type, known.getSymNameAttr(), {}}) : std::nullopt;
  }
  OpBuilder outer(module.getContext());
  outer.setInsertionPointToEnd(module.getBody());
  SmallVector<int64_t> experts = llvm::to_vector(llvm::seq(type.getDimSize(0)));
  auto weight = deepseek::WeightOp::create(outer, module.getLoc(), name, type, /*experts=*/true, /*scale=*/false,
                                           DenseI64ArrayAttr(), findPattern(names, experts, "{expert}"),
                                           outer.getDenseI64ArrayAttr(stored.locations));
  return Matrix{type, symbols.insert(weight), {}};
}

/// Of matrices as they are stored, `rows` behind `begin` others.
std::optional<RaisedWeights::Matrix> RaisedWeights::findStack(ArrayRef<MatrixOf> matrices, int64_t begin,
                                                              int64_t rows) {
  StoredMatrices stored;
  for (const MatrixOf &matrix : matrices) {
    if (!stored.add(symbols, matrix, matrix.count(), matrix.type().getDimSize(0))) {
      return std::nullopt;
    }
  }
  return stored.takeRows(begin, rows) ? addStack(stored, begin == 0 ? "" : "." + Twine(begin)) : std::nullopt;
}

/// Matrices whose numbers all are scaled alike.
std::optional<RaisedWeights::Dequantized> RaisedWeights::findScaledStack(ArrayRef<MatrixOf> matrices) {
  onnx::NodeOp first = matchRaised(matrices.front().value, kDequantize);
  RankedTensorType matrix = matrices.front().type();
  auto isAlike = [&](const MatrixOf &of) {
    onnx::NodeOp node = matchRaised(of.value, kDequantize);
    return node && node.getNodeAttributes() == first.getNodeAttributes() && of.type() == matrix &&
           bool(node.getInput(2)) == bool(first.getInput(2));
  };
  auto find = [&](unsigned input, int64_t rows, int64_t columns, unsigned bits) {
    StoredMatrices stored;
    bool all = llvm::all_of(matrices, [&](const MatrixOf &of) {
      Value value = of.value.getDefiningOp<onnx::NodeOp>().getInputs()[input];
      return stored.add(symbols, {value, of.number}, of.count(), rows, bits);
    });
    return all && stored.type.getDimSize(1) >= columns ? addStack(stored, "") : std::nullopt;
  };
  SmallVector<int64_t> shape = {int64_t(matrices.size()), matrix.getDimSize(0), matrix.getDimSize(1)};
  return llvm::all_of(matrices, isAlike) ? findDequantized(first, shape, find) : std::nullopt;
}

std::optional<RaisedWeights::Whole> RaisedWeights::findScaledWhole(Value stack, ArrayRef<MatrixOf> matrices) {
  std::optional<Dequantized> of = findScaledStack(matrices);
  if (!of) {
    return std::nullopt;
  }
  StringRef numbers = of->numbers.weight ? of->numbers.weight.getValue() : "constant.experts";
  auto read = [=, loc = stack.getLoc()](OpBuilder &inner) { return readDequantized(inner, loc, *of); };
  return Whole{nameMade(stack, (numbers + ".dequantized").str()), of->type.getElementType(), Value(), read};
}

/// With `rows` of each matrix behind `begin` others.
std::optional<RaisedWeights::Whole> RaisedWeights::findStoredWhole(OpBuilder &builder, Value stack,
                                                                   ArrayRef<MatrixOf> matrices, int64_t begin,
                                                                   int64_t rows) {
  std::optional<Matrix> matrix = findStack(matrices, begin, rows);
  if (!matrix) {
    return std::nullopt;
  }
  Location loc = stack.getLoc();
  if (!matrix->weight) {
    return Whole{nameMade(stack, "constant.experts") + (begin == 0 ? "" : "." + std::to_string(begin)),
                 builder.getF32Type(), Value(), [=](OpBuilder &inner) { return readMatrix(inner, loc, *matrix); }};
  }
  std::string name = matrix->weight.str();
  if (!isRead(matrix->type.getElementType())) {
    return Whole{name, builder.getF32Type(), Value(),
                 [=](OpBuilder &inner) { return readMatrix(inner, loc, *matrix); }};
  }
  return Whole{name, matrix->type.getElementType(), read(builder, name, matrix->type),
               [=](OpBuilder &inner) -> Value { return deepseek::SourceOp::create(inner, loc, matrix->type, name); }};
}

Value RaisedWeights::getStack(OpBuilder &builder, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  RowSlice rows = findRows(value);
  onnx::NodeOp transpose = matchNode(rows.input, "Transpose");
  Value stack = transpose ? transpose.getInputs()[0] : rows.input;
  SmallVector<MatrixOf> matrices = listMatrices(stack);
  if (int64_t(matrices.size()) != type.getDimSize(0)) {
    return {};
  }
  // Rows that are side by side in a file are found there; the packer takes others out of whole matrices.
  bool isScaled = bool(matchRaised(matrices.front().value, kDequantize));
  bool isFound = !isScaled && !transpose && rows.step == 1, isSliced = !isFound && rows.input != value;
  std::optional<Whole> whole =
      isScaled ? findScaledWhole(stack, matrices)
               : findStoredWhole(builder, stack, matrices, isFound ? rows.begin : 0,
                                 isFound ? type.getDimSize(1) : matrices.front().type().getDimSize(0));
  if (!whole || (isFound && whole->weight)) {
    return whole ? whole->weight : Value();
  }
  std::string name = whole->name + (transpose ? ".transposed" : isScaled ? "" : ".converted");
  return make(
      builder, name + (isSliced ? "." + std::to_string(rows.begin) : ""), type.clone(whole->element),
      [&](OpBuilder &inner) -> Value {
        Location loc = value.getLoc();
        Value step = whole->read(inner);
        auto turned = cast<RankedTensorType>(rows.input.getType()).clone(whole->element);
        step = transpose ? deepseek::TransposeOp::create(inner, loc, turned, step) : step;
        return isSliced
                   ? deepseek::SliceRowsOp::create(inner, loc, type.clone(whole->element), step, rows.begin, rows.step)
                   : step;
      },
      /*experts=*/true);
}

} // namespace fathom::raise

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of experts as one weight. Nothing is moved: rows of a matrix are found at their offset in a file.

#include "passes/raise/RaisedWeights.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

struct RaisedWeights::FileStack {
  /// Of all matrices, as they are stored.
  RankedTensorType matrix;
  /// The file and the offset of each.
  SmallVector<int64_t> locations;
  SmallVector<StringRef> names;
};

namespace {
/// The rows that a Slice takes of each matrix.
struct RowSlice {
  Value input;
  int64_t begin = 0, step = 1;
};
} // namespace

static RowSlice takeRows(Value value) {
  onnx::NodeOp node = matchNode(value, "Slice");
  auto starts = node ? getIntegers(node.getInput(1)) : std::nullopt,
       steps = node ? getIntegers(node.getInput(4)) : std::nullopt;
  auto axes = node ? getAxes(node, 3, getRank(value)) : std::nullopt;
  if (!starts || starts->size() != 1 || !axes || axes->size() != 1 || axes->front() != 1) {
    return {value};
  }
  return {node.getInputs()[0], starts->front(), steps ? steps->front() : 1};
}

/// Adds a matrix, or all of a stack.
bool RaisedWeights::addMatrices(Value value, FileStack &stack) {
  while (matchNode(value, "Cast") || matchNode(value, "Reshape")) {
    value = value.getDefiningOp<onnx::NodeOp>().getInputs()[0];
  }
  auto reader = value.getDefiningOp<onnx::GetInitializerOp>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!reader || !deepseek::isStored(type) || (type.getRank() != 2 && type.getRank() != 3)) {
    return false;
  }
  auto matrix = RankedTensorType::get(type.getShape().take_back(2), type.getElementType());
  auto file = symbols.lookup<onnx::InitializerOp>(reader.getInitializer());
  int64_t bytes = matrix.getNumElements() * matrix.getElementTypeBitWidth() / 8;
  if (stack.matrix && stack.matrix != matrix) {
    return false;
  }
  stack.matrix = matrix;
  for (int64_t i = 0; i < type.getNumElements() / matrix.getNumElements(); ++i) {
    stack.locations.append({int64_t(file.getFile()), int64_t(file.getOffset()) + i * bytes});
    stack.names.push_back(file.getSymName());
  }
  return true;
}

std::optional<RaisedWeights::FileStack> RaisedWeights::findStack(Value value) {
  FileStack stack;
  if (onnx::NodeOp concat = matchNode(value, "Concat")) {
    bool all = llvm::all_of(concat.getInputs(), [&](Value part) { return addMatrices(part, stack); });
    return all && concat.getInteger("axis", 0) == 0 ? std::optional(stack) : std::nullopt;
  }
  onnx::NodeOp gather = matchNode(value, "Gather");
  if (!addMatrices(gather ? gather.getInputs()[0] : value, stack)) {
    return std::nullopt;
  }
  std::optional<SmallVector<int64_t>> order = gather ? getIntegers(gather.getInputs()[1]) : std::nullopt;
  FileStack ordered = {stack.matrix, {}, {}};
  for (int64_t place : order.value_or(SmallVector<int64_t>())) {
    ordered.locations.append({stack.locations[2 * place], stack.locations[2 * place + 1]});
    ordered.names.push_back(stack.names[place]);
  }
  return !gather ? std::optional(stack) : order ? std::optional(ordered) : std::nullopt;
}

/// The name of the weight that has, of each matrix, as many rows as `type` behind `begin` others.
StringAttr RaisedWeights::addStack(const FileStack &stack, RankedTensorType type, int64_t begin) {
  std::string name = (stack.names.front() + ".experts" + (begin == 0 ? "" : "." + Twine(begin))).str();
  int64_t skipped = begin * type.getDimSize(2) * type.getElementTypeBitWidth() / 8;
  SmallVector<int64_t> locations = stack.locations;
  for (size_t i = 1; i < locations.size(); i += 2) {
    locations[i] += skipped;
  }
  if (auto known = symbols.lookup<deepseek::WeightOp>(name)) {
    // Another use of the same matrices.
    return known.getType() == type && known.getLocations() == ArrayRef(locations) ? known.getSymNameAttr()
                                                                                  : StringAttr();
  }
  OpBuilder outer(module.getContext());
  outer.setInsertionPointToEnd(module.getBody());
  SmallVector<int64_t> experts = llvm::to_vector(llvm::seq(type.getDimSize(0)));
  auto weight = deepseek::WeightOp::create(outer, module.getLoc(), name, type, /*experts=*/true, /*scale=*/false,
                                           DenseI64ArrayAttr(), findPattern(stack.names, experts, "{expert}"),
                                           outer.getDenseI64ArrayAttr(locations));
  symbols.insert(weight);
  return weight.getSymNameAttr();
}

Value RaisedWeights::getStack(OpBuilder &builder, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  RowSlice rows = takeRows(value);
  onnx::NodeOp transpose = matchNode(rows.input, "Transpose");
  std::optional<FileStack> stack = findStack(transpose ? transpose.getInputs()[0] : rows.input);
  if (!stack || int64_t(stack->names.size()) != type.getDimSize(0)) {
    return {};
  }
  // Rows that are side by side in a file are found there; the packer takes others out of whole matrices.
  bool isFound = !transpose && rows.step == 1, isSliced = !isFound && rows.input != value;
  Type element = stack->matrix.getElementType(), wanted = isRead(element) ? element : Type(builder.getF32Type());
  int64_t matrixRows = isFound ? type.getDimSize(1) : stack->matrix.getDimSize(0);
  auto stored = RankedTensorType::get({type.getDimSize(0), matrixRows, stack->matrix.getDimSize(1)}, element);
  StringAttr source = addStack(*stack, stored, isFound ? rows.begin : 0);
  if (!source || (isFound && element == wanted)) {
    return source ? read(builder, source, stored) : Value();
  }
  std::string name =
      source.str() + (transpose ? ".transposed" : ".converted") + (isSliced ? "." + std::to_string(rows.begin) : "");
  return make(
      builder, name, type.clone(wanted),
      [&](OpBuilder &inner) -> Value {
        Location loc = value.getLoc();
        Value step = deepseek::SourceOp::create(inner, loc, stored, source.getValue());
        step = element == wanted ? step : deepseek::ToF32Op::create(inner, loc, stored.clone(wanted), step);
        auto whole = cast<RankedTensorType>(rows.input.getType()).clone(wanted);
        step = transpose ? deepseek::TransposeOp::create(inner, loc, whole, step) : step;
        return isSliced ? deepseek::SliceRowsOp::create(inner, loc, type.clone(wanted), step, rows.begin, rows.step)
                        : step;
      },
      /*experts=*/true);
}

} // namespace fathom::raise

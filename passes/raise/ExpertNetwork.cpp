// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a gated activation to the products before and behind it.

#include "passes/raise/ExpertNetwork.h"

#include "passes/raise/Nodes.h"
#include "passes/raise/SlicedProducts.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

bool Matrices::isOne() const { return index || getRank(source) == 2; }

int64_t Matrices::count() const {
  auto type = cast<RankedTensorType>(source.getType());
  return type.getRank() == 2 ? 1 : type.getDimSize(0);
}

int64_t Matrices::inputs() const {
  return cast<RankedTensorType>(source.getType()).getShape().end()[transposed ? -2 : -1];
}

/// Whether a node exchanges the last two dimensions.
static bool turnsMatrices(NodeOp transpose) {
  SmallVector<int64_t> order = getPermutation(transpose);
  if (order.size() < 2) {
    return false;
  }
  std::swap(order.end()[-1], order.end()[-2]);
  return llvm::equal(order, llvm::seq<int64_t>(0, order.size()));
}

/// Of a stack, takes what a node gathers along its first dimension.
static bool takeGathered(NodeOp node, Matrices &matrices) {
  bool gathers = node.is("GatherND") || (node.is("Gather") && node.getInteger("axis", 0) == 0);
  auto ids = gathers ? dyn_cast<RankedTensorType>(node.getInputs()[1].getType()) : RankedTensorType();
  if (!ids || matrices.index || matrices.ids || getRank(node.getInputs()[0]) != 3) {
    return false;
  }
  if (node.is("GatherND")) {
    matrices.ids = node.getInputs()[1];
    matrices.idsArePlaces = true;
    return node.getInteger("batch_dims", 0) == 0 && ids.getRank() > 0 && ids.getShape().back() == 1;
  }
  std::optional<SmallVector<int64_t>> constant = getIntegers(node.getInputs()[1]);
  if (constant && ids.getRank() == 0) {
    matrices.index = constant->front();
  } else {
    matrices.ids = node.getInputs()[1];
  }
  return true;
}

/// The stacks whose rows come in turns in a stack that a graph makes of them; none where it is another.
static SmallVector<Value> matchTurns(Value value) {
  NodeOp reshape = matchNode(value, "Reshape");
  NodeOp concat = reshape ? matchNode(reshape.getInputs()[0], "Concat") : NodeOp();
  if (!concat || getRank(value) != 3 || concat.getInteger("axis", 0) != 2 || getRank(concat.getOutputs()[0]) != 4) {
    return {};
  }
  auto type = cast<RankedTensorType>(value.getType()), apart = cast<RankedTensorType>(concat.getOutputs()[0].getType());
  bool joins = type.getDimSize(0) == apart.getDimSize(0) && type.getDimSize(2) == apart.getDimSize(3);
  SmallVector<Value> stacks;
  for (Value part : concat.getInputs()) {
    NodeOp own = matchNode(part, "Reshape");
    if (!joins || !own || getRank(part) != 4 || getRank(own.getInputs()[0]) != 3 ||
        cast<RankedTensorType>(part.getType()).getDimSize(2) != 1) {
      return {};
    }
    stacks.push_back(own.getInputs()[0]);
  }
  return stacks;
}

/// Whether a value is what matrices are taken from: no node, or one that makes them of constants.
static bool isSource(Value value) {
  return !value.getDefiningOp<NodeOp>() || matchRaised(value, kDequantize) || !matchTurns(value).empty();
}

/// The matrices that the operand of a product is.
static std::optional<Matrices> findMatrices(Value value, bool transposed) {
  Matrices matrices;
  matrices.transposed = transposed;
  while (!isSource(value)) {
    auto node = value.getDefiningOp<NodeOp>();
    bool isTurned = matchNode(value, "Transpose") && turnsMatrices(node);
    matrices.transposed ^= isTurned;
    if (!isTurned && !node.is("Cast") && !takeGathered(node, matrices)) {
      return std::nullopt;
    }
    value = node.getInputs()[0];
  }
  matrices.source = value;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  SmallVector<Value> turns = matchTurns(value);
  bool isKnown = turns.empty() ? isConstant(value) : llvm::all_of(turns, isConstant);
  bool fits = isKnown && type && isa<FloatType>(type.getElementType()) &&
              (type.getRank() == 3 || (type.getRank() == 2 && !matrices.index && !matrices.ids));
  if (!fits || (matrices.index && (*matrices.index < 0 || *matrices.index >= type.getDimSize(0)))) {
    return std::nullopt;
  }
  matrices.outputs = type.getShape().end()[matrices.transposed ? -1 : -2];
  return matrices;
}

/// The dimension in which a tensor has features: the last one of more than one element.
static int64_t findFeatures(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  int64_t axis = type ? type.getRank() - 1 : -1;
  while (axis >= 0 && type.getDimSize(axis) == 1) {
    --axis;
  }
  return axis >= 0 && !type.isDynamicDim(axis) ? axis : -1;
}

static int64_t countFeatures(Value value) {
  int64_t axis = findFeatures(value);
  return axis < 0 ? 0 : cast<RankedTensorType>(value.getType()).getDimSize(axis);
}

/// Whether a node only brings the same rows of features into another shape.
static bool keepsRows(NodeOp node) {
  Value result = node.getOutputs()[0];
  return node.is("Reshape") && countFeatures(result) > 0 && countFeatures(result) == countFeatures(node.getInputs()[0]);
}

/// Takes part of the features in which `matrices` are counted.
static bool takeSlice(NodeOp node, Matrices &matrices) {
  Value input = node.getInputs()[0];
  int64_t axis = findFeatures(input);
  auto starts = getIntegers(node.getInput(1)), axes = getAxes(node, 3, getRank(input)),
       steps = getIntegers(node.getInput(4));
  bool known = starts && starts->size() == 1 && axes && axes->size() == 1 && (steps || !node.getInput(4));
  if (axis < 0 || !known || axes->front() != axis || findFeatures(node.getOutputs()[0]) != axis) {
    return false;
  }
  int64_t size = countFeatures(input), step = steps ? steps->front() : 1;
  if (step < 1 || step > size) {
    return false;
  }
  int64_t begin = std::clamp<int64_t>(starts->front() < 0 ? starts->front() + size : starts->front(), 0, size);
  matrices.begin = begin + matrices.begin * step;
  matrices.step *= step;
  return matrices.step <= size;
}

namespace {
/// A product of rows with matrices.
struct Product {
  Value input;
  Matrices matrices;
};
} // namespace

/// Rows in the order of the matrices of a stack, as many for each as its turn of a loop slices.
static std::optional<Product> matchSlices(Value value) {
  std::optional<SlicedProduct> product = matchSlicedProduct(value);
  std::optional<Matrices> matrices = product ? findMatrices(product->matrix, /*transposed=*/true) : std::nullopt;
  if (!matrices || matrices->idsArePlaces || matrices->ids != product->turn || matrices->count() != product->turns) {
    return std::nullopt;
  }
  matrices->ids = {};
  matrices->begins = product->begins;
  matrices->ends = product->ends;
  return Product{product->rows, *matrices};
}

/// Rows from the left, or one column from the right.
static std::optional<Product> matchProduct(Value value) {
  if (std::optional<Product> product = matchSlices(value)) {
    return product;
  }
  NodeOp node = matchNode(value, "MatMul");
  if (!node) {
    return std::nullopt;
  }
  Value left = node.getInputs()[0], right = node.getInputs()[1];
  if (std::optional<Matrices> matrices = findMatrices(right, /*transposed=*/true)) {
    return Product{left, *matrices};
  }
  auto column = dyn_cast<RankedTensorType>(right.getType());
  std::optional<Matrices> matrices = findMatrices(left, /*transposed=*/false);
  if (!matrices || !column || column.getRank() < 2 || column.getShape().back() != 1) {
    return std::nullopt;
  }
  matrices->takesColumns = true;
  return Product{right, *matrices};
}

/// Of rows that come in turns, those of one stack are that stack.
static void takeTurn(Matrices &matrices) {
  SmallVector<Value> stacks = matchTurns(matrices.source);
  if (!matrices.transposed && int64_t(stacks.size()) == matrices.step && matrices.begin < matrices.step) {
    matrices.source = stacks[matrices.begin];
    matrices.begin = 0;
    matrices.step = 1;
  }
}

/// The product that features are of.
static std::optional<Product> findProduct(Value value) {
  Matrices part;
  part.outputs = countFeatures(value);
  while (auto node = value.getDefiningOp<NodeOp>()) {
    if (std::optional<Product> product = matchProduct(value)) {
      int64_t last = part.begin + (part.outputs - 1) * part.step;
      bool fits = part.outputs > 0 && last < product->matrices.outputs;
      product->matrices.begin = part.begin;
      product->matrices.step = part.step;
      product->matrices.outputs = part.outputs;
      takeTurn(product->matrices);
      return fits ? product : std::nullopt;
    }
    if (!keepsRows(node) && !(node.is("Slice") && takeSlice(node, part))) {
      return std::nullopt;
    }
    value = node.getInputs()[0];
  }
  return std::nullopt;
}

/// The product that alone takes `hidden`; null where others do, too.
static Value findUser(Value hidden) {
  while (hidden.hasOneUse()) {
    if (Value product = findSlicedProduct(hidden)) {
      return product;
    }
    auto user = dyn_cast<NodeOp>(*hidden.user_begin());
    if (!user || user.getOutputs().size() != 1 || !(keepsRows(user) || user.is("MatMul"))) {
      return {};
    }
    hidden = user.getOutputs()[0];
    if (user.is("MatMul")) {
      return hidden;
    }
  }
  return {};
}

std::optional<ExpertNetwork> findNetwork(NodeOp swiGlu) {
  std::optional<Product> gate = findProduct(swiGlu.getInputs()[0]), up = findProduct(swiGlu.getInputs()[1]);
  Value output = findUser(swiGlu.getOutputs()[0]);
  std::optional<Product> down = output ? matchProduct(output) : std::nullopt;
  if (!gate || !up || !down || gate->input != up->input) {
    return std::nullopt;
  }
  const Matrices &first = gate->matrices, &second = up->matrices, &last = down->matrices;
  bool fits = first.outputs == second.outputs && first.inputs() == second.inputs() && last.inputs() == first.outputs &&
              last.outputs == first.inputs() && first.count() == second.count() && first.count() == last.count();
  return fits ? std::optional(ExpertNetwork{gate->input, first, second, last, output}) : std::nullopt;
}

} // namespace fathom::raise

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embedding, products, sums, norms and gates.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

/// Rows of a table by token ids.
static bool convertGather(NodeOp node, GraphModel &model) {
  const View *ids = model.find(node.getInputs()[1]);
  bool isTokens = ids && !deepseek::isActivation(ids->rows.getType());
  if (!isTokens || node.getInteger("axis", 0) != 0 || getRank(node.getInputs()[0]) != 2) {
    return false;
  }
  Value table = model.weights().get(model.ops(), node.getInputs()[0]);
  if (!table) {
    return false;
  }
  int64_t width = cast<RankedTensorType>(table.getType()).getDimSize(1);
  Value rows = deepseek::EmbeddingOp::create(model.ops(), node.getLoc(), model.activation(width), ids->rows, table);
  View view = *ids;
  view.rows = rows;
  view.dims.push_back(Dim::columns(width, 1));
  model.set(node.getOutputs()[0], view);
  return true;
}

static bool convertMatMul(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[1].getType());
  if (!input || !type || type.getRank() != 2 || !isConstant(node.getInputs()[1])) {
    return false;
  }
  Value rows = model.getRows(node.getInputs()[0], type.getDimSize(0));
  bool isLast = input->dims.back().kind == Dim::Columns && input->dims.back().size() == type.getDimSize(0);
  deepseek::ScaledWeight weight;
  if (rows && isLast) {
    weight = model.weights().getScaled(model.ops(), node.getInputs()[1], /*transposed=*/true);
  }
  if (!weight.weight) {
    return false;
  }
  Value product = deepseek::LinearOp::create(model.ops(), node.getLoc(), model.activation(type.getDimSize(1)), rows,
                                             weight.weight, weight.scale, Value(), ValueRange(), weight.block);
  return model.giveRows(node, *input, product);
}

/// A number for each column behind a product is its bias.
static bool addBias(NodeOp node, const View &input, Value bias, GraphModel &model) {
  auto linear = input.rows.getDefiningOp<deepseek::LinearOp>();
  auto type = dyn_cast<RankedTensorType>(bias.getType());
  bool fits = linear && !linear.getBias() && type && type.getRank() == 1 &&
              input.dims.back() == Dim::columns(type.getDimSize(0), 1) && input.offset == 0 &&
              type.getDimSize(0) == deepseek::getWidth(linear.getType());
  Value weight = fits ? model.weights().get(model.ops(), bias) : Value();
  if (!weight) {
    return false;
  }
  auto sum =
      deepseek::LinearOp::create(model.ops(), node.getLoc(), linear.getType(), linear.getInput(), linear.getWeight(),
                                 linear.getScale(), weight, ValueRange(), linear.getBlockAttr());
  return model.giveRows(node, input, sum);
}

static bool convertAdd(NodeOp node, GraphModel &model) {
  for (auto [value, bias] : eitherWay(node)) {
    const View *input = isConstant(bias) ? model.find(value) : nullptr;
    if (input && !input->hasPast && addBias(node, *input, bias, model)) {
      return true;
    }
  }
  const View *left = model.find(node.getInputs()[0]), *right = model.find(node.getInputs()[1]);
  if (!left || !right || left->hasPast || right->hasPast || !lieAlike(*left, *right)) {
    return false;
  }
  std::optional<View> a = model.compact(*left), b = model.compact(*right);
  if (!a || !b) {
    return false;
  }
  a->rows = arith::AddFOp::create(model.ops(), node.getLoc(), a->rows, b->rows);
  model.set(node.getOutputs()[0], *a);
  return true;
}

static bool convertSwiGlu(NodeOp node, GraphModel &model) {
  const View *gate = model.find(node.getInputs()[0]), *up = model.find(node.getInputs()[1]);
  if (!gate || !up || gate->hasPast || up->hasPast || gate->dims != up->dims) {
    return false;
  }
  std::optional<View> a = model.compact(*gate), b = model.compact(*up);
  if (!a || !b) {
    return false;
  }
  a->rows = deepseek::SwiGluOp::create(model.ops(), node.getLoc(), a->rows.getType(), a->rows, b->rows);
  model.set(node.getOutputs()[0], *a);
  return true;
}

/// Of rows, or of each head of them.
static bool convertRmsNorm(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[1].getType());
  int64_t axis = node.getInteger("axis", -1);
  if (!input || !type || type.getRank() != 1 || (axis != -1 && axis != input->rank() - 1) ||
      !(input->dims.back() == Dim::columns(type.getDimSize(0), 1))) {
    return false;
  }
  std::optional<View> view = model.compact(*input);
  Value weight = view ? model.weights().get(model.ops(), node.getInputs()[1]) : Value();
  if (!weight) {
    return false;
  }
  view->rows = deepseek::RmsNormOp::create(model.ops(), node.getLoc(), view->rows.getType(), view->rows, weight,
                                           llvm::APFloat(node.getReal("epsilon", 1e-5)));
  model.set(node.getOutputs()[0], *view);
  return true;
}

static bool convertLayerNorm(NodeOp node, GraphModel &model) {
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[1].getType());
  int64_t axis = node.getInteger("axis", -1), rank = getRank(node.getInputs()[0]);
  bool fits = type && type.getRank() == 1 && (axis == -1 || axis == rank - 1) && node.getInput(2) &&
              node.getOutputs().size() == 1;
  const View *input = model.find(node.getInputs()[0]);
  Value rows = fits && input ? model.getRows(node.getInputs()[0], type.getDimSize(0)) : Value();
  Value weight = rows ? model.weights().get(model.ops(), node.getInputs()[1]) : Value();
  Value bias = weight ? model.weights().get(model.ops(), node.getInput(2)) : Value();
  if (!bias) {
    return false;
  }
  Value normed = deepseek::LayerNormOp::create(model.ops(), node.getLoc(), rows.getType(), rows, weight, bias,
                                               llvm::APFloat(node.getReal("epsilon", 1e-5)));
  return model.giveRows(node, *input, normed);
}

llvm::ArrayRef<RuleRow> layerRules() {
  static constexpr RuleRow kRows[] = {
      {false, "Add", convertAdd},
      {false, "Gather", convertGather},
      {false, "LayerNormalization", convertLayerNorm},
      {false, "MatMul", convertMatMul},
      {false, "RMSNormalization", convertRmsNorm},
      {true, kSwiGlu, convertSwiGlu},
  };
  return kRows;
}

} // namespace fathom::raise

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routed experts.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

static std::optional<deepseek::RoutingAttr> getRouting(NodeOp node) {
  auto scoringName = node.getNodeAttr<StringAttr>("scoring"), ruleName = node.getNodeAttr<StringAttr>("group_rule");
  auto scoring = scoringName ? deepseek::symbolizeScoring(scoringName.getValue()) : std::nullopt;
  auto rule = ruleName ? deepseek::symbolizeGroupRule(ruleName.getValue()) : std::nullopt;
  if (!scoring || !rule) {
    return std::nullopt;
  }
  return deepseek::RoutingAttr::get(node.getContext(), *scoring, *rule, node.getInteger("top_k", 1),
                                    node.getInteger("groups", 1), node.getInteger("top_groups", 1),
                                    node.getInteger("normalize", 0) != 0, deepseek::Real(node.getReal("factor", 1)));
}

/// Gate, up and down: with scales if all have them, which kernels want.
static SmallVector<deepseek::ScaledWeight> getStacks(NodeOp node, GraphModel &model) {
  ValueRange values = node.getInputs().drop_front(3);
  SmallVector<deepseek::ScaledWeight> stacks =
      llvm::map_to_vector(values, [&](Value stack) { return model.weights().getScaledStack(model.ops(), stack); });
  if (!llvm::all_of(stacks, [](const deepseek::ScaledWeight &stack) { return stack.weight; })) {
    for (auto [stack, value] : llvm::zip_equal(stacks, values)) {
      stack = {model.weights().getStack(model.ops(), value), Value(), deepseek::BlockScaleAttr()};
    }
  }
  return stacks;
}

static bool convertExperts(NodeOp node, GraphModel &model) {
  const View *input = model.find(node.getInputs()[0]);
  auto gates = dyn_cast<RankedTensorType>(node.getInputs()[3].getType());
  std::optional<deepseek::RoutingAttr> routing = getRouting(node);
  if (!input || !gates || !routing) {
    return false;
  }
  OpBuilder &ops = model.ops();
  Value rows = model.getRows(node.getInputs()[0], gates.getDimSize(2));
  Value logits = model.getRows(node.getInputs()[1], gates.getDimSize(0));
  Value bias = node.getInput(2) ? model.weights().get(ops, node.getInput(2)) : Value();
  SmallVector<deepseek::ScaledWeight> stacks = getStacks(node, model);
  bool all = llvm::all_of(stacks, [](const deepseek::ScaledWeight &stack) { return stack.weight; });
  if (!rows || !logits || (node.getInput(2) && !bias) || !all) {
    return false;
  }
  Type ids = RankedTensorType::get({ShapedType::kDynamic, routing->getTopK()}, ops.getI32Type());
  auto gate = deepseek::MoEGateOp::create(ops, node.getLoc(), ids, model.activation(routing->getTopK()), logits, bias,
                                          *routing);
  Value sum = deepseek::MoEExpertsOp::create(ops, node.getLoc(), rows.getType(), rows, gate.getIds(), gate.getWeights(),
                                             stacks[0].weight, stacks[1].weight, stacks[2].weight, stacks[0].scale,
                                             stacks[1].scale, stacks[2].scale, stacks[0].block);
  return model.giveRows(node, *input, sum);
}

llvm::ArrayRef<RuleRow> expertRules() {
  static constexpr RuleRow kRows[] = {{true, kExperts, convertExperts}};
  return kRows;
}

} // namespace fathom::raise

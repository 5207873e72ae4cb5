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
  SmallVector<Value> stacks;
  for (Value stack : node.getInputs().drop_front(3)) {
    stacks.push_back(model.weights().getStack(ops, stack));
  }
  if (!rows || !logits || (node.getInput(2) && !bias) || !llvm::all_of(stacks, [](Value stack) { return stack; })) {
    return false;
  }
  Type ids = RankedTensorType::get({ShapedType::kDynamic, routing->getTopK()}, ops.getI32Type());
  auto gate = deepseek::MoEGateOp::create(ops, node.getLoc(), ids, model.activation(routing->getTopK()), logits, bias,
                                          *routing);
  Value sum = deepseek::MoEExpertsOp::create(ops, node.getLoc(), rows.getType(), rows, gate.getIds(), gate.getWeights(),
                                             stacks[0], stacks[1], stacks[2], Value(), Value(), Value(),
                                             deepseek::BlockScaleAttr());
  return model.giveRows(node, *input, sum);
}

llvm::ArrayRef<RuleRow> expertRules() {
  static constexpr RuleRow kRows[] = {{true, kExperts, convertExperts}};
  return kRows;
}

} // namespace fathom::raise

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks that hide what comes later, found by evaluating them.

#include "passes/raise/CausalMasks.h"
#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISECAUSALMASKS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

namespace {
struct RaiseCausalMasks : impl::RaiseCausalMasksBase<RaiseCausalMasks> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    for (NodeOp node : findMaskedAttention(getOperation())) {
      if (proveCausal(main, node, node.getInput(3))) {
        replace(node);
      }
    }
  }

  /// Most attentions of a graph share one mask, which is evaluated once.
  bool proveCausal(func::FuncOp main, NodeOp node, Value mask) {
    auto [known, isNew] = proved.try_emplace(mask, false);
    if (isNew) {
      Prober prober(main, getExtentName(node.getInputs()[0], 2), readFrom(folder));
      known->second = isCausal(prober, mask);
    }
    return known->second;
  }

  static void replace(NodeOp node) {
    OpBuilder builder(node);
    double width = double(cast<RankedTensorType>(node.getInputs()[0].getType()).getShape().back());
    double scale = node.getReal("scale", 1 / std::sqrt(width));
    node.getOutputs()[0].replaceAllUsesWith(createRaised(
        builder, node.getLoc(), kCausalAttention, node.getOutputs()[0].getType(), node.getInputs().take_front(3),
        builder.getNamedAttr("scale", builder.getF32FloatAttr(float(scale)))));
    node.erase();
  }

  llvm::DenseMap<Value, bool> proved;
};
} // namespace

} // namespace fathom

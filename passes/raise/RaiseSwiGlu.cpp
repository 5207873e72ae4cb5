// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// gate · sigmoid(gate) · up.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISESWIGLU
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// The gate where a value is gate · sigmoid(gate); null for any other.
static Value matchSiLU(Value value) {
  NodeOp product = matchNode(value, "Mul");
  if (!product) {
    return {};
  }
  for (auto [gate, factor] : eitherWay(product)) {
    NodeOp sigmoid = matchNode(factor, "Sigmoid");
    if (sigmoid && sigmoid.getInputs()[0] == gate) {
      return gate;
    }
  }
  return {};
}

namespace {
struct RaiseGatedProduct : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    if (!node.is("Mul")) {
      return rewriter.notifyMatchFailure(node, "is not a product");
    }
    for (auto [activated, up] : eitherWay(node)) {
      Value gate = matchSiLU(activated);
      if (gate && haveSameShape(gate, up)) {
        rewriter.replaceOp(
            node, createRaised(rewriter, node.getLoc(), kSwiGlu, node.getOutputs()[0].getType(), ValueRange{gate, up}));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(node, "has no factor gate · sigmoid(gate)");
  }
};

struct RaiseSwiGlu : impl::RaiseSwiGluBase<RaiseSwiGlu> {
  void runOnOperation() override {
    if (!applyPatterns<RaiseGatedProduct>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

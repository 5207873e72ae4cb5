// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Softmax(scale · Q Kᵀ + mask) V.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

namespace {
/// scale · query · keysᵀ, then a mask.
struct Scores {
  Value query, keys;
  /// Where the dimensions of keys [batch, heads, positions, width] are in `keys`.
  SmallVector<int64_t> order;
  double scale = 1;
  /// Added; or, of bools, true where a score stays or, with `hides`, where it does not.
  Value mask;
  bool hides = false;
};
} // namespace

/// Takes numbers that a value is multiplied by from it.
static Value takeFactors(Value value, double &scale) {
  while (NodeOp product = matchNode(value, "Mul")) {
    std::optional<double> factor;
    for (auto [other, number] : eitherWay(product)) {
      if (!factor && (factor = getSplat(number))) {
        value = other;
      }
    }
    if (!factor) {
      break;
    }
    scale *= *factor;
  }
  return value;
}

/// A product of two tensors of heads; factors of either may be before or behind a transposition.
static bool matchProduct(Value value, Scores &scores) {
  NodeOp product = matchNode(takeFactors(value, scores.scale), "MatMul");
  if (!product || getRank(product.getOutputs()[0]) != 4) {
    return false;
  }
  scores.query = takeFactors(product.getInputs()[0], scores.scale);
  scores.keys = takeFactors(product.getInputs()[1], scores.scale);
  scores.order = {0, 1, 3, 2};
  if (NodeOp transpose = matchNode(scores.keys, "Transpose")) {
    SmallVector<int64_t> order = getPermutation(transpose);
    scores.order = {order[0], order[1], order[3], order[2]};
    scores.keys = takeFactors(transpose.getInputs()[0], scores.scale);
  }
  return getRank(scores.query) == 4 && getRank(scores.keys) == 4;
}

/// Takes the mask that is applied last from scores.
static Value takeMask(Value value, Scores &scores) {
  if (NodeOp sum = matchNode(value, "Add")) {
    for (auto [score, mask] : eitherWay(sum)) {
      double ignored = 1;
      if (matchNode(takeFactors(score, ignored), "MatMul")) {
        scores.mask = mask;
        return score;
      }
    }
  }
  NodeOp choice = matchNode(value, "Where");
  for (unsigned hidden : {1, 2}) {
    if (choice && getSplat(choice.getInputs()[hidden]).value_or(0) <= kHidden) {
      scores.mask = choice.getInputs()[0];
      scores.hides = hidden == 1;
      return choice.getInputs()[3 - hidden];
    }
  }
  return value;
}

/// The scores whose softmax a value is, along the last dimension; null for any other. Rows of which nothing is left may
/// be made 0 behind it.
static Value matchSoftmax(Value value) {
  if (NodeOp guard = matchNode(value, "Where")) {
    NodeOp test = matchNode(guard.getInputs()[0], "IsNaN");
    if (test && test.getInputs()[0] == guard.getInputs()[2] && getSplat(guard.getInputs()[1]) == 0.0) {
      value = guard.getInputs()[2];
    }
  }
  NodeOp softmax = matchNode(value, "Softmax");
  int64_t axis = softmax ? softmax.getInteger("axis", softmax.getOpset() < 13 ? 1 : -1) : 0;
  return softmax && (axis == -1 || axis == getRank(value) - 1) ? softmax.getInputs()[0] : Value();
}

namespace {
struct RaiseSoftmaxAttention : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    Value value = node.is("MatMul") && getRank(node.getOutputs()[0]) == 4 ? matchSoftmax(node.getInputs()[0]) : Value();
    if (!value) {
      return rewriter.notifyMatchFailure(node, "is not a product of a softmax");
    }
    Scores scores;
    if (!matchProduct(takeMask(value, scores), scores)) {
      return rewriter.notifyMatchFailure(node, "is of a softmax that is not of a product");
    }
    Location loc = node.getLoc();
    SmallVector<Value> inputs = {scores.query, createTranspose(rewriter, loc, scores.keys, scores.order),
                                 node.getInputs()[1]};
    if (scores.mask) {
      inputs.push_back(scores.hides ? createNode(rewriter, loc, "Not", scores.mask.getType(), scores.mask)
                                    : scores.mask);
    }
    rewriter.replaceOp(node, createNode(rewriter, loc, "Attention", node.getOutputs()[0].getType(), inputs,
                                        rewriter.getNamedAttr("scale", rewriter.getF32FloatAttr(float(scores.scale)))));
    return success();
  }
};

struct RaiseAttention : impl::RaiseAttentionBase<RaiseAttention> {
  void runOnOperation() override {
    if (!applyPatterns<RaiseSoftmaxAttention>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

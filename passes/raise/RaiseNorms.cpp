// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Root-mean-square norms, whatever their parts are multiplied in what order.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISENORMS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

static constexpr StringLiteral kNorm = "RMSNormalization";

/// Whether `value` is the mean of x · x over the last dimension, which stays.
static bool isMeanSquare(Value value, Value x) {
  NodeOp mean = matchNode(value, "ReduceMean");
  if (!mean || mean.getInteger("keepdims", 1) != 1) {
    return false;
  }
  int64_t rank = getRank(x);
  std::optional<SmallVector<int64_t>> axes = getAxes(mean, 1, rank);
  NodeOp square = matchNode(mean.getInputs()[0], "Mul");
  return axes && *axes == ArrayRef<int64_t>(rank - 1) && square && square.getInputs()[0] == x &&
         square.getInputs()[1] == x;
}

/// The eps of 1 / sqrt(mean(x²) + eps); nothing for any other value.
static std::optional<double> matchInverseRoot(Value value, Value x) {
  NodeOp inverse = matchNode(value, "Reciprocal");
  NodeOp root = inverse ? matchNode(inverse.getInputs()[0], "Sqrt") : NodeOp();
  NodeOp sum = root ? matchNode(root.getInputs()[0], "Add") : NodeOp();
  if (!sum) {
    return std::nullopt;
  }
  for (auto [mean, epsilon] : eitherWay(sum)) {
    if (isMeanSquare(mean, x) && getSplat(epsilon).value_or(-1) >= 0) {
      return getSplat(epsilon);
    }
  }
  return std::nullopt;
}

/// Whether it has a number for each column of a tensor whose rows have `width`.
static bool isWeightOf(Value value, int64_t width) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isConstant(value) && type.getRank() == 1 && type.getDimSize(0) == width;
}

/// A norm and the rows that it is of, in the type in which they are multiplied by weights; null where `value` is none.
/// Rows of 16 bits are widened before their norm and rounded behind it, as the operator does.
static std::pair<NodeOp, Value> matchNorm(Value value) {
  NodeOp rounded = matchNode(value, "Cast"), norm = matchNode(rounded ? rounded.getInputs()[0] : value, kNorm);
  if (!norm || !rounded) {
    return {norm, norm ? norm.getInputs()[0] : Value()};
  }
  NodeOp widened = matchNode(norm.getInputs()[0], "Cast");
  bool isRound = widened && widened.getInputs()[0].getType() == value.getType();
  return isRound ? std::pair(norm, widened.getInputs()[0]) : std::pair(NodeOp(), Value());
}

namespace {
/// x / sqrt(mean(x²) + eps): a norm with weights of 1.
struct RaiseBareNorm : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    if (!node.is("Mul")) {
      return rewriter.notifyMatchFailure(node, "is not a product");
    }
    for (auto [x, factor] : eitherWay(node)) {
      auto type = dyn_cast<RankedTensorType>(x.getType());
      std::optional<double> epsilon = type ? matchInverseRoot(factor, x) : std::nullopt;
      if (epsilon && !type.isDynamicDim(type.getRank() - 1)) {
        Value ones = createOnes(rewriter, node.getLoc(), type.getShape().back(), type.getElementType());
        rewriter.replaceOp(node, createRmsNorm(rewriter, node.getLoc(), x, ones, *epsilon));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(node, "is not by the root of a mean square");
  }
};

/// A norm with weights of 1, times a vector.
struct RaiseNormWeight : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    if (!node.is("Mul")) {
      return rewriter.notifyMatchFailure(node, "is not a product");
    }
    for (auto [value, weight] : eitherWay(node)) {
      auto [norm, x] = matchNorm(value);
      if (norm && getSplat(norm.getInputs()[1]) == 1.0 &&
          isWeightOf(weight, cast<RankedTensorType>(norm.getInputs()[1].getType()).getDimSize(0))) {
        rewriter.replaceOp(node, createRmsNorm(rewriter, node.getLoc(), x, weight, norm.getReal("epsilon", 1e-5)));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(node, "is not of a norm and a vector");
  }
};

struct RaiseNorms : impl::RaiseNormsBase<RaiseNorms> {
  void runOnOperation() override {
    if (!applyPatterns<RaiseBareNorm, RaiseNormWeight>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

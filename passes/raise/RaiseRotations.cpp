// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding: x · cos + turned(x) · sin.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEROTATIONS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// Elements of the last dimension that a Slice takes.
namespace {
struct Columns {
  Value input;
  int64_t begin, count, step;
};
} // namespace

static std::optional<Columns> matchColumns(Value value) {
  NodeOp slice = matchNode(value, "Slice");
  auto type = slice ? dyn_cast<RankedTensorType>(slice.getInputs()[0].getType()) : RankedTensorType();
  if (!type || type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1)) {
    return std::nullopt;
  }
  std::optional<SmallVector<int64_t>> starts = getIntegers(slice.getInput(1)), axes = getAxes(slice, 3, type.getRank());
  std::optional<SmallVector<int64_t>> steps = getIntegers(slice.getInput(4));
  bool isLast = starts && axes && *axes == ArrayRef<int64_t>(type.getRank() - 1) && starts->size() == 1;
  auto result = dyn_cast<RankedTensorType>(value.getType());
  if (!isLast || !result || (slice.getInput(4) && !steps)) {
    return std::nullopt;
  }
  int64_t begin = starts->front() < 0 ? starts->front() + type.getShape().back() : starts->front();
  return Columns{slice.getInputs()[0], begin, result.getShape().back(), steps ? steps->front() : 1};
}

/// Whether `value` is Concat(−x₂, x₁) with the halves of x.
static bool isTurnedHalves(Value value, Value x) {
  NodeOp concat = matchNode(value, "Concat");
  int64_t rank = getRank(x), axis = concat ? concat.getInteger("axis", 0) : 0;
  if (!concat || concat.getInputs().size() != 2 || (axis != -1 && axis != rank - 1)) {
    return false;
  }
  NodeOp negated = matchNode(concat.getInputs()[0], "Neg");
  std::optional<Columns> high = negated ? matchColumns(negated.getInputs()[0]) : std::nullopt;
  std::optional<Columns> low = matchColumns(concat.getInputs()[1]);
  if (!high || !low) {
    return false;
  }
  int64_t half = cast<RankedTensorType>(x.getType()).getShape().back() / 2;
  auto is = [&](const Columns &columns, int64_t begin) {
    return columns.input == x && columns.begin == begin && columns.count == half && columns.step == 1;
  };
  return is(*high, half) && is(*low, 0);
}

namespace {
struct RaiseHalfSplit : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    if (!node.is("Add")) {
      return rewriter.notifyMatchFailure(node, "is no sum");
    }
    for (auto [a, b] : eitherWay(node)) {
      NodeOp straight = matchNode(a, "Mul"), turned = matchNode(b, "Mul");
      if (straight && turned && raise(node, straight, turned, rewriter)) {
        return success();
      }
    }
    return rewriter.notifyMatchFailure(node, "has no term Concat(−x₂, x₁) · sin beside x · cos");
  }

  static bool raise(NodeOp node, NodeOp straight, NodeOp turned, PatternRewriter &rewriter) {
    for (auto [x, cosine] : eitherWay(straight)) {
      for (auto [turn, sine] : eitherWay(turned)) {
        if (getRank(x) > 0 && x.getType() == node.getOutputs()[0].getType() && isTurnedHalves(turn, x)) {
          rewriter.replaceOp(node,
                             createRaised(rewriter, node.getLoc(), kRotate, x.getType(), ValueRange{x, cosine, sine}));
          return true;
        }
      }
    }
    return false;
  }
};

struct RaiseRotations : impl::RaiseRotationsBase<RaiseRotations> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseHalfSplit>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention whose heads are behind positions, with heads in front.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ORDERHEADS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// [batch, positions, heads, ...] as [batch, heads, positions, ...], or the other way round.
static Value exchange(OpBuilder &builder, Location loc, Value value) {
  return createTranspose(builder, loc, value, {0, 2, 1, 3});
}

static Value matchExchanged(Value value) {
  NodeOp transpose = matchNode(value, "Transpose");
  bool exchanges = transpose && getPermutation(transpose) == ArrayRef<int64_t>{0, 2, 1, 3};
  return exchanges ? transpose.getInputs()[0] : Value();
}

static bool isWide(Value value, int64_t dim) {
  return getRank(value) == 4 && cast<RankedTensorType>(value.getType()).getDimSize(dim) != 1;
}

/// Whether it is a product [batch, positions, heads, keys] of matrices of which each position has the same: its heads
/// may as well be in front.
static bool sharesMatrix(Value value) {
  NodeOp product = matchNode(value, "MatMul");
  auto left = product ? dyn_cast<RankedTensorType>(product.getInputs()[0].getType()) : RankedTensorType();
  return left && left.getRank() == 4 && left.isDynamicDim(1) && !left.isDynamicDim(2) &&
         getRank(product.getInputs()[1]) == 4 && !isWide(product.getInputs()[1], 1);
}

/// The inputs of a sum or choice of scores that are scores; others are a mask, or a number.
static SmallVector<unsigned> findScores(NodeOp node);

/// Whether scores [batch, positions, heads, keys] are computed by what may as well have heads in front.
static bool canExchange(Value value) {
  if (Value inner = matchExchanged(value)) {
    return bool(matchNode(inner, "MatMul"));
  }
  auto node = value.getDefiningOp<NodeOp>();
  return sharesMatrix(value) || (node && getRank(value) == 4 && !findScores(node).empty());
}

static SmallVector<unsigned> findScores(NodeOp node) {
  SmallVector<unsigned> found;
  bool combines = node.is("Add") || node.is("Mul") || node.is("Where");
  for (unsigned input = node.is("Where") ? 1 : 0; combines && input < node.getInputs().size(); ++input) {
    if (canExchange(node.getInputs()[input])) {
      found.push_back(input);
    }
  }
  return found;
}

/// What is combined with scores, by numpy's broadcasting, in the order that these then have.
static Value exchangeOther(OpBuilder &builder, Location loc, Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getNumElements() == 1 || type.getRank() < 2) {
    return value;
  }
  SmallVector<Size> sizes = getSizes(type);
  sizes.insert(sizes.begin(), 4 - sizes.size(), Size{1});
  return exchange(builder, loc, createReshape(builder, loc, sizes, value));
}

/// Scores that `canExchange`, with heads in front.
static Value exchangeScores(OpBuilder &builder, Location loc, Value value) {
  if (Value inner = matchExchanged(value)) {
    return inner;
  }
  auto node = value.getDefiningOp<NodeOp>();
  if (sharesMatrix(value)) {
    return createMatMul(builder, loc, exchange(builder, loc, node.getInputs()[0]), node.getInputs()[1]);
  }
  SmallVector<unsigned> scores = findScores(node);
  SmallVector<Value> inputs;
  for (auto [number, input] : llvm::enumerate(node.getInputs())) {
    bool isScores = llvm::is_contained(scores, unsigned(number));
    inputs.push_back(isScores ? exchangeScores(builder, loc, input) : exchangeOther(builder, loc, input));
  }
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Size> sizes = getSizes(type);
  std::swap(sizes[1], sizes[2]);
  return createNode(builder, loc, node.getOpType(), getTensor(type.getContext(), sizes, type.getElementType()), inputs);
}

namespace {
struct OrderSoftmax : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    Value scores = node.is("Softmax") ? node.getInputs()[0] : Value();
    int64_t axis = node.getInteger("axis", node.getOpset() < 13 ? 1 : -1);
    if (!scores || getRank(scores) != 4 || (axis != -1 && axis != 3) || !canExchange(scores)) {
      return rewriter.notifyMatchFailure(node, "is not of scores whose heads are behind positions");
    }
    Value ordered = exchangeScores(rewriter, node.getLoc(), scores);
    Value softmax = createNode(rewriter, node.getLoc(), "Softmax", ordered.getType(), ordered);
    rewriter.replaceOp(node, exchange(rewriter, node.getLoc(), softmax));
    return success();
  }
};

/// The sum of values by a softmax whose heads were brought in front, of values that all heads share.
struct OrderSum : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    Value softmax = node.is("MatMul") ? matchExchanged(node.getInputs()[0]) : Value();
    if (!softmax || !matchNode(softmax, "Softmax") || getRank(node.getInputs()[1]) != 4 ||
        isWide(node.getInputs()[1], 1)) {
      return rewriter.notifyMatchFailure(node, "is not a sum of what all heads share");
    }
    Location loc = node.getLoc();
    rewriter.replaceOp(node, exchange(rewriter, loc, createMatMul(rewriter, loc, softmax, node.getInputs()[1])));
    return success();
  }
};

struct OrderHeads : impl::OrderHeadsBase<OrderHeads> {
  void runOnOperation() override {
    if (!applyPatterns<OrderSoftmax, OrderSum, MergeTransposes>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

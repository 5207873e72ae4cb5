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
/// query · keysᵀ · scale.
struct Product {
  Value query, keys;
  /// Where the dimensions of keys [batch, heads, positions, width] are in `keys`.
  SmallVector<int64_t> order;
  double scale = 1;
};
} // namespace

/// A product of two tensors of heads; factors of either may be before or behind a transposition.
static std::optional<Product> matchProduct(Value value) {
  Product found;
  NodeOp product = matchNode(takeFactors(value, found.scale), "MatMul");
  if (!product || getRank(product.getOutputs()[0]) != 4) {
    return std::nullopt;
  }
  found.query = takeFactors(product.getInputs()[0], found.scale);
  found.keys = takeFactors(product.getInputs()[1], found.scale);
  found.order = {0, 1, 3, 2};
  if (NodeOp transpose = matchNode(found.keys, "Transpose")) {
    SmallVector<int64_t> order = getPermutation(transpose);
    found.order = {order[0], order[1], order[3], order[2]};
    found.keys = takeFactors(transpose.getInputs()[0], found.scale);
  }
  return getRank(found.query) == 4 && getRank(found.keys) == 4 ? std::optional(found) : std::nullopt;
}

/// A product, or the products of two parts of queries and keys whose sum a value is.
static SmallVector<Product, 2> matchProducts(Value value) {
  double factor = 1;
  NodeOp sum = matchNode(takeFactors(value, factor), "Add");
  SmallVector<Product, 2> products;
  for (Value part : sum ? ValueRange(sum.getInputs()) : ValueRange(value)) {
    std::optional<Product> product = matchProduct(part);
    if (!product) {
      return {};
    }
    product->scale *= sum ? factor : 1;
    products.push_back(*product);
  }
  return products.front().scale == products.back().scale ? products : SmallVector<Product, 2>();
}

namespace {
/// How scores are masked.
struct Mask {
  /// Added; or, of bools, true where a score stays or, with `hides`, where it does not.
  Value value;
  bool hides = false;
};
} // namespace

/// Takes the mask that is applied last from scores.
static Value takeMask(Value value, Mask &found) {
  if (NodeOp sum = matchNode(value, "Add")) {
    for (auto [score, mask] : eitherWay(sum)) {
      if (!matchProducts(score).empty() && matchProducts(mask).empty()) {
        found.value = mask;
        return score;
      }
    }
  }
  NodeOp choice = matchNode(value, "Where");
  for (unsigned hidden : {1, 2}) {
    if (choice && getSplat(choice.getInputs()[hidden]).value_or(0) <= kHidden) {
      found.value = choice.getInputs()[0];
      found.hides = hidden == 1;
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

/// Whether parts of queries, and of keys, differ in nothing but their width.
static bool haveSameHeads(ArrayRef<Product> products) {
  const Product &a = products.front(), &b = products.back();
  auto headsOf = [](const Product &product, Value value, unsigned dim) {
    return cast<RankedTensorType>(value.getType()).getDimSize(value == product.query ? dim : product.order[dim]);
  };
  return llvm::all_of(ArrayRef<unsigned>{0, 1}, [&](unsigned dim) {
    return headsOf(a, a.query, dim) == headsOf(b, b.query, dim) && headsOf(a, a.keys, dim) == headsOf(b, b.keys, dim);
  });
}

namespace {
struct RaiseSoftmaxAttention : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    Value value = node.is("MatMul") && getRank(node.getOutputs()[0]) == 4 ? matchSoftmax(node.getInputs()[0]) : Value();
    if (!value) {
      return rewriter.notifyMatchFailure(node, "is not a product of a softmax");
    }
    Mask mask;
    SmallVector<Product, 2> products = matchProducts(takeMask(value, mask));
    if (products.empty() || !haveSameHeads(products)) {
      return rewriter.notifyMatchFailure(node, "is of a softmax that is not of a product");
    }
    Location loc = node.getLoc();
    SmallVector<Value> queries, keys;
    for (const Product &product : products) {
      queries.push_back(product.query);
      keys.push_back(createTranspose(rewriter, loc, product.keys, product.order));
    }
    bool isSum = products.size() == 2;
    SmallVector<Value> inputs = {isSum ? createConcat(rewriter, loc, queries, 3) : queries.front(),
                                 isSum ? createConcat(rewriter, loc, keys, 3) : keys.front(), node.getInputs()[1]};
    if (mask.value) {
      inputs.push_back(mask.hides ? createNode(rewriter, loc, "Not", mask.value.getType(), mask.value) : mask.value);
    }
    rewriter.replaceOp(
        node, createNode(rewriter, loc, "Attention", node.getOutputs()[0].getType(), inputs,
                         rewriter.getNamedAttr("scale", rewriter.getF32FloatAttr(float(products.front().scale)))));
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

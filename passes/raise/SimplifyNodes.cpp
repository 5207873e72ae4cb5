// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One spelling for what operators and opsets spell differently.

#include "passes/raise/Passes.h"
#include "passes/raise/SimplifyRows.h"

#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SIMPLIFYNODES
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// What gives its input.
static LogicalResult forwardInput(NodeOp node, PatternRewriter &rewriter) {
  Value input = node.getInput(0);
  bool onlyFirst = llvm::all_of(node.getOutputs().drop_front(), [](Value output) { return output.use_empty(); });
  if (!input || !onlyFirst || input.getType() != node.getOutputs()[0].getType()) {
    return rewriter.notifyMatchFailure(node, "gives something else, too");
  }
  rewriter.replaceAllUsesWith(node.getOutputs()[0], input);
  rewriter.eraseOp(node);
  return success();
}

/// Whatever changes only the shape is a Reshape.
static LogicalResult toReshape(NodeOp node, PatternRewriter &rewriter) {
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  if (!type) {
    return rewriter.notifyMatchFailure(node, "has a result of unknown rank");
  }
  rewriter.replaceOp(node, createReshape(rewriter, node.getLoc(), type, node.getInputs()[0]));
  return success();
}

/// Rows that are reshaped before a norm and behind it are reshaped before it at once: some graphs norm heads as rows.
static LogicalResult reshapeBefore(NodeOp norm, NodeOp node, PatternRewriter &rewriter) {
  NodeOp before = matchNode(norm.getInputs()[0], "Reshape");
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  auto normed = dyn_cast<RankedTensorType>(norm.getOutputs()[0].getType());
  int64_t axis = norm.getInteger("axis", -1);
  bool isLast = normed && (axis == -1 || axis == normed.getRank() - 1) && getRank(norm.getInputs()[1]) == 1 &&
                norm.getInputs()[0].getType() == normed;
  if (!before || !type || !isLast || type.getRank() == 0 || type.getShape().back() != normed.getShape().back() ||
      type.isDynamicDim(type.getRank() - 1)) {
    return rewriter.notifyMatchFailure(node, "does not have the rows that were normed");
  }
  Value rows = createReshape(rewriter, node.getLoc(), type, before.getInputs()[0]);
  rewriter.replaceOp(node,
                     createRmsNorm(rewriter, node.getLoc(), rows, norm.getInputs()[1], norm.getReal("epsilon", 1e-5)));
  return success();
}

static LogicalResult simplifyReshape(NodeOp node, PatternRewriter &rewriter) {
  if (node.getInputs()[0].getType() == node.getOutputs()[0].getType()) {
    rewriter.replaceOp(node, node.getInputs()[0]);
    return success();
  }
  if (NodeOp norm = matchNode(node.getInputs()[0], "RMSNormalization")) {
    return reshapeBefore(norm, node, rewriter);
  }
  NodeOp inner = matchNode(node.getInputs()[0], "Reshape");
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  if (!inner || !type) {
    return rewriter.notifyMatchFailure(node, "is of what is not reshaped already");
  }
  rewriter.replaceOp(node, createReshape(rewriter, node.getLoc(), type, inner.getInputs()[0]));
  return success();
}

/// A sum of one number is that number.
static LogicalResult simplifySum(NodeOp node, PatternRewriter &rewriter) {
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  auto axes = type ? getAxes(node, 1, type.getRank()) : std::nullopt;
  if (!axes || axes->empty() || llvm::any_of(*axes, [&](int64_t axis) { return type.getDimSize(axis) != 1; })) {
    return rewriter.notifyMatchFailure(node, "adds up several numbers");
  }
  return toReshape(node, rewriter);
}

/// One forwards that is as long as what it is of is that.
static LogicalResult simplifySlice(NodeOp node, PatternRewriter &rewriter) {
  auto steps = getIntegers(node.getInput(4));
  bool isForward = !node.getInput(4) || (steps && llvm::all_of(*steps, [](int64_t step) { return step > 0; }));
  if (!isForward || node.getInputs()[0].getType() != node.getOutputs()[0].getType()) {
    return rewriter.notifyMatchFailure(node, "may leave something out, or turn it around");
  }
  rewriter.replaceOp(node, node.getInputs()[0]);
  return success();
}

/// A Slice for each output of a Split.
static LogicalResult simplifySplit(NodeOp node, PatternRewriter &rewriter) {
  int64_t rank = getRank(node.getInputs()[0]), axis = node.getInteger("axis", 0), begin = 0;
  axis += axis < 0 ? rank : 0;
  SmallVector<Value> slices;
  Location loc = node.getLoc();
  for (Value output : node.getOutputs()) {
    auto type = dyn_cast<RankedTensorType>(output.getType());
    if (rank < 0 || !type || type.isDynamicDim(axis)) {
      return rewriter.notifyMatchFailure(node, "has parts of sizes that are not known");
    }
    int64_t end = begin + type.getDimSize(axis);
    slices.push_back(createSlice(rewriter, loc, type, node.getInputs()[0], begin, axis));
    begin = end;
  }
  rewriter.replaceOp(node, slices);
  return success();
}

/// Rows of a table by indices that are reshaped are reshaped themselves.
static LogicalResult reshapeRows(NodeOp node, NodeOp indices, PatternRewriter &rewriter) {
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  auto given = dyn_cast<RankedTensorType>(indices.getInputs()[0].getType());
  if (!type || !given || type.getRank() == 0 || node.getInteger("axis", 0) != 0 || getRank(node.getInputs()[0]) != 2) {
    return rewriter.notifyMatchFailure(node, "does not choose rows");
  }
  SmallVector<Size> sizes = getSizes(given);
  sizes.push_back(getSizes(type).back());
  Value rows = createNode(rewriter, node.getLoc(), "Gather", getTensor(type.getContext(), sizes, type.getElementType()),
                          ValueRange{node.getInputs()[0], indices.getInputs()[0]});
  rewriter.replaceOp(node, createReshape(rewriter, node.getLoc(), type, rows));
  return success();
}

/// One index of a dimension is a Slice, and a Reshape that drops the dimension.
static LogicalResult simplifyGather(NodeOp node, PatternRewriter &rewriter) {
  if (NodeOp indices = matchNode(node.getInputs()[1], "Reshape")) {
    return reshapeRows(node, indices, rewriter);
  }
  Value input = node.getInputs()[0];
  auto type = dyn_cast<RankedTensorType>(input.getType());
  auto index = getRank(node.getInputs()[1]) == 0 ? getIntegers(node.getInputs()[1]) : std::nullopt;
  int64_t axis = node.getInteger("axis", 0);
  axis += axis < 0 && type ? type.getRank() : 0;
  if (!index || !type || !isa<FloatType>(type.getElementType()) || isConstant(input) || axis >= type.getRank() ||
      type.isDynamicDim(axis)) {
    return rewriter.notifyMatchFailure(node, "does not choose one of activations");
  }
  SmallVector<Size> sizes = getSizes(type);
  int64_t begin = index->front() + (index->front() < 0 ? sizes[axis].number : 0);
  if (sizes[axis].number != 1) {
    sizes[axis].number = 1;
    input = createSlice(rewriter, node.getLoc(), getTensor(type.getContext(), sizes, type.getElementType()), input,
                        begin, axis);
  }
  sizes.erase(sizes.begin() + axis);
  rewriter.replaceOp(node, createReshape(rewriter, node.getLoc(), sizes, input));
  return success();
}

/// onnxruntime's name for RMSNormalization, in its domain and, though no schema has it, in ONNX's.
static LogicalResult simplifyRmsNorm(NodeOp node, PatternRewriter &rewriter) {
  int64_t axis = node.getInteger("axis", -1), rank = getRank(node.getInputs()[0]);
  if ((axis != -1 && axis != rank - 1) || node.getOutputs().size() != 1) {
    return rewriter.notifyMatchFailure(node, "does not norm the last dimension alone");
  }
  rewriter.replaceOp(node, createRmsNorm(rewriter, node.getLoc(), node.getInputs()[0], node.getInputs()[1],
                                         node.getReal("epsilon", 1e-5)));
  return success();
}

/// Norm of a sum, which is the fourth output.
static LogicalResult simplifySkipRmsNorm(NodeOp node, PatternRewriter &rewriter) {
  auto isRead = [&](size_t output) {
    return output < node.getOutputs().size() && !node.getOutputs()[output].use_empty();
  };
  if (isRead(1) || isRead(2)) {
    return rewriter.notifyMatchFailure(node, "gives means, too");
  }
  Location loc = node.getLoc();
  Value sum = createSum(rewriter, loc, node.getInputs()[0], node.getInputs()[1]);
  if (Value bias = node.getInput(3)) {
    sum = createSum(rewriter, loc, sum, bias);
  }
  SmallVector<Value> results(node.getOutputs().size(), sum);
  results[0] = createRmsNorm(rewriter, loc, sum, node.getInputs()[2], node.getReal("epsilon", 1e-5));
  rewriter.replaceOp(node, results);
  return success();
}

/// A quotient by a root is a product with its reciprocal, and one by a number a product.
static LogicalResult simplifyDiv(NodeOp node, PatternRewriter &rewriter) {
  Value a = node.getInputs()[0], b = node.getInputs()[1];
  Location loc = node.getLoc();
  Type type = node.getOutputs()[0].getType();
  auto number = dyn_cast<RankedTensorType>(b.getType());
  if (matchNode(b, "Sqrt")) {
    Value inverse = createNode(rewriter, loc, "Reciprocal", b.getType(), b);
    bool isOne = getSplat(a) == 1.0 && type == b.getType();
    rewriter.replaceOp(node, isOne ? inverse : createNode(rewriter, loc, "Mul", type, ValueRange{a, inverse}));
    return success();
  }
  std::optional<double> divisor = getSplat(b);
  if (!divisor || *divisor == 0 || !number || !isa<FloatType>(number.getElementType())) {
    return rewriter.notifyMatchFailure(node, "divides by neither a root nor a number");
  }
  Value factor = createConstant(
      rewriter, loc, DenseElementsAttr::get(number, rewriter.getFloatAttr(number.getElementType(), 1.0 / *divisor)));
  rewriter.replaceOp(node, createNode(rewriter, loc, "Mul", type, ValueRange{a, factor}));
  return success();
}

/// A square is a product, and the power −1/2 the reciprocal of a root.
static LogicalResult simplifyPow(NodeOp node, PatternRewriter &rewriter) {
  Value base = node.getInputs()[0];
  std::optional<double> exponent = getSplat(node.getInputs()[1]);
  Type type = node.getOutputs()[0].getType();
  if (base.getType() == type && exponent == 2.0) {
    rewriter.replaceOp(node, createNode(rewriter, node.getLoc(), "Mul", type, ValueRange{base, base}));
    return success();
  }
  if (base.getType() == type && exponent == -0.5) {
    Value root = createNode(rewriter, node.getLoc(), "Sqrt", type, base);
    rewriter.replaceOp(node, createNode(rewriter, node.getLoc(), "Reciprocal", type, root));
    return success();
  }
  return rewriter.notifyMatchFailure(node, "is neither a square nor the reciprocal of a root");
}

/// Where indices of a ScatterND begin, and how many there are, if they are those of consecutive slices along the first
/// dimension.
static std::optional<std::pair<int64_t, int64_t>> getScattered(NodeOp node) {
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[1].getType());
  std::optional<SmallVector<int64_t>> rows = getIntegers(node.getInputs()[1]);
  bool isAdded = node.getNodeAttr<StringAttr>("reduction") && node.getNodeAttr<StringAttr>("reduction") != "none";
  if (isAdded || !type || type.getRank() != 2 || type.getDimSize(1) != 1 || !rows || rows->empty()) {
    return std::nullopt;
  }
  bool consecutive = llvm::equal(*rows, llvm::seq(rows->front(), rows->front() + int64_t(rows->size())));
  return consecutive ? std::optional(std::pair(rows->front(), int64_t(rows->size()))) : std::nullopt;
}

/// Two that write all of a tensor are its parts: how exporters write assignments to slices of what was empty.
static LogicalResult simplifyScatter(NodeOp node, PatternRewriter &rewriter) {
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  NodeOp first = matchNode(node.getInputs()[0], "ScatterND");
  auto low = first ? getScattered(first) : std::nullopt, high = getScattered(node);
  bool all = type && type.getRank() > 0 && low && high && low->first == 0 && high->first == low->second &&
             high->first + high->second == type.getDimSize(0);
  if (!all) {
    return rewriter.notifyMatchFailure(node, "does not write what another has left");
  }
  rewriter.replaceOp(node, createNode(rewriter, node.getLoc(), "Concat", type,
                                      ValueRange{first.getInputs()[2], node.getInputs()[2]},
                                      rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(0))));
  return success();
}

/// x · sigmoid(alpha · x), where alpha is 1.
static LogicalResult simplifySwish(NodeOp node, PatternRewriter &rewriter) {
  if (node.getReal("alpha", node.getDomain() ? 1.702 : 1.0) != 1.0) {
    return rewriter.notifyMatchFailure(node, "is not SiLU");
  }
  Value input = node.getInputs()[0];
  Type type = node.getOutputs()[0].getType();
  Value sigmoid = createNode(rewriter, node.getLoc(), "Sigmoid", type, input);
  rewriter.replaceOp(node, createNode(rewriter, node.getLoc(), "Mul", type, ValueRange{input, sigmoid}));
  return success();
}

/// Whether each size of a result is that of one of two operands: a third that is broadcast need not have it.
static bool haveSizes(RankedTensorType result, RankedTensorType a, RankedTensorType b) {
  if (!result || !a || !b) {
    return false;
  }
  SmallVector<Size> wanted = getSizes(result), first = getSizes(a), second = getSizes(b);
  auto has = [](ArrayRef<Size> sizes, size_t fromEnd, Size size) {
    return fromEnd <= sizes.size() && sizes.end()[-int64_t(fromEnd)] == size;
  };
  return llvm::all_of(llvm::seq<size_t>(1, wanted.size() + 1), [&](size_t fromEnd) {
    Size size = wanted.end()[-int64_t(fromEnd)];
    return has(first, fromEnd, size) || has(second, fromEnd, size);
  });
}

/// A number that is chosen is not expanded first.
static LogicalResult simplifyWhere(NodeOp node, PatternRewriter &rewriter) {
  auto typeOf = [](Value value) { return dyn_cast<RankedTensorType>(value.getType()); };
  for (unsigned input : {1, 2}) {
    NodeOp expand = matchNode(node.getInputs()[input], "Expand");
    bool isNumber = expand && getSplat(expand.getInputs()[0]);
    if (isNumber &&
        haveSizes(typeOf(node.getOutputs()[0]), typeOf(node.getInputs()[0]), typeOf(node.getInputs()[3 - input]))) {
      rewriter.modifyOpInPlace(node, [&] { node.getInputsMutable()[input].set(expand.getInputs()[0]); });
      return success();
    }
  }
  return rewriter.notifyMatchFailure(node, "has no number that is expanded");
}

static constexpr SimplifyRow kRows[] = {
    {"", "Cast", forwardInput},
    {"", "Div", simplifyDiv},
    {"", "Dropout", forwardInput},
    {"", "Flatten", toReshape},
    {"", "Gather", simplifyGather},
    {"", "Identity", forwardInput},
    {"", "Pow", simplifyPow},
    {"", "ReduceSum", simplifySum},
    {"", "Reshape", simplifyReshape},
    {"", "ScatterND", simplifyScatter},
    {"", "SimplifiedLayerNormalization", simplifyRmsNorm},
    {"", "Slice", simplifySlice},
    {"", "Split", simplifySplit},
    {"", "Squeeze", toReshape},
    {"", "Swish", simplifySwish},
    {"", "Transpose", mergeTransposes},
    {"", "Unsqueeze", toReshape},
    {"", "Where", simplifyWhere},
    {"com.microsoft", "QuickGelu", simplifySwish},
    {"com.microsoft", "SimplifiedLayerNormalization", simplifyRmsNorm},
    {"com.microsoft", "SkipSimplifiedLayerNormalization", simplifySkipRmsNorm},
};

namespace {
struct SimplifyNode : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    for (llvm::ArrayRef<SimplifyRow> rows : {llvm::ArrayRef(kRows), productRows()}) {
      for (const SimplifyRow &row : rows) {
        if (row.name == node.getOpType() && row.domain == node.getDomain().value_or("")) {
          return row.simplify(node, rewriter);
        }
      }
    }
    return rewriter.notifyMatchFailure(node, "has one spelling");
  }
};

struct SimplifyNodes : impl::SimplifyNodesBase<SimplifyNodes> {
  void runOnOperation() override {
    if (!applyPatterns<SimplifyNode>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// onnxruntime's operators for whole layers of experts, as what they are made of.

#include "passes/raise/Passes.h"
#include "passes/raise/Quantized.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SIMPLIFYEXPERTS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

namespace {
/// Where gate and up are: rows of one matrix, from `begin`, `step` apart, or all of a matrix of their own.
struct Part {
  Value matrices;
  int64_t begin = 0, step = 1;
};

/// Builds what an operator does with rows of the gate's [rows, E].
class ExpertsBuilder {
public:
  ExpertsBuilder(NodeOp node, PatternRewriter &rewriter)
      : node(node), rewriter(rewriter), loc(node.getLoc()),
        scores(cast<RankedTensorType>(node.getInputs()[1].getType())), element(scores.getElementType()),
        chosen(node.getInteger("k", 1)) {}

  Value build(Part gate, Part up, Value down);

private:
  RankedTensorType withRows(ArrayRef<int64_t> shape, Type type);
  Value create(StringRef name, ArrayRef<int64_t> shape, ValueRange inputs, ArrayRef<NamedAttribute> attributes = {});
  Value reshape(Value value, ArrayRef<int64_t> shape);
  NamedAttribute axis(int64_t number) { return rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(number)); }
  void choose();
  Value multiply(Value stack, Value columns);
  Value slice(Part part, Value columns, int64_t inner);

  NodeOp node;
  PatternRewriter &rewriter;
  Location loc;
  RankedTensorType scores;
  Type element;
  int64_t chosen;
  /// [rows, k, 1], and what each is multiplied by, [rows, k].
  Value places, weights;
};
} // namespace

/// As many rows as the gate has, and dimensions behind them.
RankedTensorType ExpertsBuilder::withRows(ArrayRef<int64_t> shape, Type type) {
  SmallVector<int64_t> all = {scores.getDimSize(0)};
  llvm::append_range(all, shape);
  return RankedTensorType::get(all, type, scores.getEncoding());
}

Value ExpertsBuilder::create(StringRef name, ArrayRef<int64_t> shape, ValueRange inputs,
                             ArrayRef<NamedAttribute> attributes) {
  return createNode(rewriter, loc, name, withRows(shape, element), inputs, attributes);
}

Value ExpertsBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  return createReshape(rewriter, loc, withRows(shape, getElementTypeOrSelf(value)), value);
}

void ExpertsBuilder::choose() {
  Type index = rewriter.getI64Type();
  auto best = NodeOp::create(rewriter, loc, TypeRange{withRows(chosen, element), withRows(chosen, index)},
                             rewriter.getStringAttr("TopK"), StringAttr(), kOpset,
                             ValueRange{node.getInputs()[1], createIntegers(rewriter, loc, chosen)},
                             rewriter.getDictionaryAttr({}), ArrayAttr(), 0);
  Value ids = best.getOutputs()[1], given = node.getInput(14);
  int64_t experts = scores.getDimSize(1);
  Value all = given ? given : create("Softmax", experts, node.getInputs()[1], axis(-1));
  places = reshape(ids, {chosen, 1});
  weights = create("GatherElements", chosen, ValueRange{all, ids}, axis(1));
  if (node.getInteger("normalize_routing_weights", 0) != 0) {
    Value sum = create("ReduceSum", 1, ValueRange{weights, createIntegers(rewriter, loc, 1)});
    weights = create("Div", chosen, ValueRange{weights, sum});
  }
}

/// Columns by the matrices of the experts that are chosen.
Value ExpertsBuilder::multiply(Value stack, Value columns) {
  auto type = cast<RankedTensorType>(stack.getType());
  int64_t rows = type.getDimSize(1);
  Value matrices = create("GatherND", {chosen, rows, type.getDimSize(2)}, ValueRange{stack, places});
  return create("MatMul", {chosen, rows, 1}, ValueRange{matrices, columns});
}

Value ExpertsBuilder::slice(Part part, Value columns, int64_t inner) {
  Value product = multiply(part.matrices, columns);
  auto type = cast<RankedTensorType>(product.getType());
  if (type.getDimSize(2) == inner) {
    return product;
  }
  return createSlice(rewriter, loc, withRows({chosen, inner, 1}, element), product, part.begin, 2, part.step);
}

Value ExpertsBuilder::build(Part gate, Part up, Value down) {
  auto last = cast<RankedTensorType>(down.getType());
  int64_t width = last.getDimSize(1), inner = last.getDimSize(2);
  choose();
  Value columns = reshape(node.getInputs()[0], {1, width, 1});
  Value gates = slice(gate, columns, inner), ups = slice(up, columns, inner);
  Value open = create("Sigmoid", {chosen, inner, 1}, gates);
  Value activated = create("Mul", {chosen, inner, 1}, ValueRange{gates, open});
  Value hidden = create("Mul", {chosen, inner, 1}, ValueRange{activated, ups});
  Value weighted =
      create("Mul", {chosen, width, 1}, ValueRange{multiply(down, hidden), reshape(weights, {chosen, 1, 1})});
  Value sum = create("ReduceSum", {width, 1}, ValueRange{weighted, createIntegers(rewriter, loc, 1)},
                     rewriter.getNamedAttr("keepdims", rewriter.getI64IntegerAttr(0)));
  return createReshape(rewriter, loc, cast<RankedTensorType>(node.getOutputs()[0].getType()), sum);
}

/// Whether the operator applies gate · sigmoid(gate) · up, of two layers or with `third`.
static bool isSwiGlu(NodeOp node, Value third) {
  auto kind = node.getNodeAttr<StringAttr>("activation_type");
  bool gated = kind && (kind.getValue() == "swiglu" || (kind.getValue() == "silu" && third));
  return gated && node.getReal("activation_alpha", 1) == 1 && node.getReal("activation_beta", 0) == 0 &&
         !node.getNodeAttr<FloatAttr>("swiglu_limit");
}

/// [experts, rows, columns] of a type that is known; null for any other.
static RankedTensorType getStack(Value value) {
  auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
  return type && type.getRank() == 3 && type.hasStaticShape() ? type : RankedTensorType();
}

/// Whether layers of gate, or of gate and up, of down, and of up where it is apart, fit each other.
static bool fits(NodeOp node, RankedTensorType first, RankedTensorType last, RankedTensorType third) {
  auto scores = dyn_cast<RankedTensorType>(node.getInputs()[1].getType());
  int64_t inner = last ? last.getDimSize(2) : 0, rows = third ? inner : 2 * inner, chosen = node.getInteger("k", 1);
  int64_t fusion = node.getInteger("swiglu_fusion", 0);
  bool isFused = fusion == 1 || fusion == 2;
  return isFused == !third && first && last && scores && scores.getRank() == 2 && !scores.isDynamicDim(1) &&
         isa<RankedTensorType>(node.getOutputs()[0].getType()) && chosen >= 1 && chosen <= scores.getDimSize(1) &&
         first.getDimSize(1) == rows && (!third || third.getDimSize(1) == inner);
}

static void takeApart(NodeOp node, Value first, Value last, Value third, PatternRewriter &rewriter) {
  // 0: gate and up are two layers; 1: rows of one in turns; 2: one half after the other.
  bool inTurns = node.getInteger("swiglu_fusion", 0) == 1;
  int64_t inner = getStack(last).getDimSize(2);
  Part gate = {first, 0, inTurns ? 2 : 1};
  Part up = third ? Part{third} : inTurns ? Part{first, 1, 2} : Part{first, inner, 1};
  rewriter.replaceOp(node, ExpertsBuilder(node, rewriter).build(gate, up, last));
}

static LogicalResult simplifyMoE(NodeOp node, PatternRewriter &rewriter) {
  if (!isSwiGlu(node, node.getInput(6)) || node.getInput(3) || node.getInput(5) || node.getInput(7)) {
    return rewriter.notifyMatchFailure(node, "is not a layer of SwiGLU experts without biases");
  }
  Value first = node.getInput(2), last = node.getInput(4), third = node.getInput(6);
  if (!fits(node, getStack(first), getStack(last), getStack(third))) {
    return rewriter.notifyMatchFailure(node, "has operands of shapes that are not known");
  }
  takeApart(node, first, last, third, rewriter);
  return success();
}

/// What numbers at input `number` and scales behind them stand for, `columns` in each row; nothing where they are not
/// packed as wanted.
static std::optional<Quantized> findPacked(NodeOp node, unsigned number, unsigned zeros, int64_t columns) {
  RankedTensorType packed = getStack(node.getInput(number));
  Type element = getElementTypeOrSelf(node.getInputs()[1].getType());
  if (!packed || columns < 1 || !node.getInput(number + 1)) {
    return std::nullopt;
  }
  auto type = RankedTensorType::get({packed.getDimSize(0), packed.getDimSize(1), columns}, element);
  Quantized of = {type, node.getInput(number), node.getInput(number + 1), Value(), {}};
  int64_t block = node.getInteger("block_size", 0);
  bool fits =
      setPacked(of, node.getInteger("expert_weight_bits", 4), block == 0 ? columns : block, node.getInput(zeros));
  return fits ? std::optional(of) : std::nullopt;
}

static LogicalResult simplifyQMoE(NodeOp node, PatternRewriter &rewriter) {
  if (!isSwiGlu(node, node.getInput(8)) || node.getInput(4) || node.getInput(7) || node.getInput(10)) {
    return rewriter.notifyMatchFailure(node, "is not a layer of SwiGLU experts without biases");
  }
  auto input = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  RankedTensorType last = getStack(node.getInput(5));
  int64_t width = input && input.getRank() > 0 ? input.getShape().back() : 0;
  int64_t inner = last ? last.getDimSize(2) * 8 / std::max<int64_t>(node.getInteger("expert_weight_bits", 4), 1) : 0;
  auto up = findPacked(node, 8, 13, width), down = findPacked(node, 5, 12, inner),
       gate = findPacked(node, 2, 11, width);
  if (!gate || !down || (node.getInput(8) && !up)) {
    return rewriter.notifyMatchFailure(node, "has weights that are not constants of 2, 4 or 8 bits");
  }
  if (!fits(node, gate->type, down->type, up ? up->type : RankedTensorType())) {
    return rewriter.notifyMatchFailure(node, "has layers that do not fit each other");
  }
  auto create = [&](const Quantized &of) { return createDequantize(rewriter, node.getLoc(), of); };
  takeApart(node, create(*gate), create(*down), up ? create(*up) : Value(), rewriter);
  return success();
}

namespace {
struct SimplifyLayer : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    return node.isMicrosoft("MoE")    ? simplifyMoE(node, rewriter)
           : node.isMicrosoft("QMoE") ? simplifyQMoE(node, rewriter)
                                      : rewriter.notifyMatchFailure(node, "is not a layer of experts");
  }
};

struct SimplifyExperts : impl::SimplifyExpertsBase<SimplifyExperts> {
  void runOnOperation() override {
    if (!applyPatterns<SimplifyLayer>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom

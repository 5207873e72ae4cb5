// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops are in terms of others.

#include "passes/support/OpForms.h"

#include "passes/support/ScaledWeights.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Attention to the positions of `selection`, or to all if it is null.
template <typename Op>
static AbsorbedAttention createAbsorbed(OpBuilder &builder, Op op, Value selection) {
  Location loc = op.getLoc();
  int64_t heads = op.getNumHeads(), latent = op.getLatentDim();
  auto withWidth = [&](int64_t width) {
    RankedTensorType type = op.getQuery().getType();
    return type.clone({type.getDimSize(0), width});
  };
  auto query = MlaAbsorbQueryOp::create(builder, loc, withWidth(heads * (latent + op.getRopeDim())), op.getQuery(),
                                        op.getKvB(), op.getScale(), op.getTable(), op.getPositions(), op.getBlockAttr(),
                                        heads, op.getNopeDim(), op.getRopeDim(), op.getValueDim(), op.getLayout());
  auto attention = MlaLatentAttentionOp::create(builder, loc, withWidth(heads * latent), query, op.getCache(),
                                                op.getLayer(), selection, op.getPositions(), heads, op.getRopeDim(),
                                                op.getSoftmaxScale(), IntegerAttr());
  auto output = MlaExpandOutputOp::create(builder, loc, withWidth(getWidth(op.getType())), attention, op.getKvB(),
                                          op.getScale(), op.getBlockAttr(), heads, op.getNopeDim(), op.getValueDim());
  return {query, attention, output};
}

AbsorbedAttention createAbsorbedAttention(OpBuilder &builder, MlaAttentionOp op) {
  return createAbsorbed(builder, op, Value());
}

/// The positions that `op` attends to, which are the same for any number of parts.
static Value createSelection(OpBuilder &builder, SparseAttentionOp op, int64_t parts) {
  Location loc = op.getLoc();
  int64_t topK = op.getTopK();
  auto rowsOf = [&](Type element, int64_t width) {
    return RankedTensorType::get({op.getQuery().getType().getDimSize(0), width}, element);
  };
  Type ids = builder.getI32Type();
  if (parts == 1) {
    return IndexSelectOp::create(builder, loc, rowsOf(ids, topK), op.getIndexQuery(), op.getIndexWeights(),
                                 op.getCache(), op.getLayer(), op.getPositions(), op.getIndexHeads(), op.getIndexDim(),
                                 topK);
  }
  auto candidates = IndexCandidatesOp::create(builder, loc, rowsOf(builder.getF32Type(), parts * topK),
                                              rowsOf(ids, parts * topK), rowsOf(builder.getF32Type(), parts),
                                              op.getIndexQuery(), op.getIndexWeights(), op.getCache(), op.getLayer(),
                                              op.getPositions(), op.getIndexHeads(), op.getIndexDim(), topK, parts);
  return IndexMergeOp::create(builder, loc, rowsOf(ids, topK), candidates.getScores(), candidates.getIds(),
                              candidates.getBounds(), op.getIndexQuery(), op.getIndexWeights(), op.getCache(),
                              op.getLayer(), op.getPositions(), op.getIndexHeads(), op.getIndexDim(), topK, parts);
}

Value createSelectedAttention(OpBuilder &builder, SparseAttentionOp op, int64_t parts) {
  return createAbsorbed(builder, op, createSelection(builder, op, parts)).output;
}

Value createDenseAttention(OpBuilder &builder, SparseAttentionOp op) {
  return MlaAttentionOp::create(builder, op.getLoc(), op.getType(), op.getQuery(), op.getCache(), op.getLayer(),
                                op.getKvB(), op.getScale(), op.getTable(), op.getPositions(), op.getBlockAttr(),
                                op.getNumHeads(), op.getNopeDim(), op.getRopeDim(), op.getValueDim(),
                                op.getSoftmaxScale(), op.getLayout());
}

namespace {

/// The products of one moe_experts over its slots, (token, choice) pairs sorted by expert.
class ExpertRouting {
public:
  ExpertRouting(OpBuilder &builder, MoEExpertsOp op) : op(op), builder(builder), loc(op.getLoc()) {
    int64_t experts = getDimension(op.getGate(), 0);
    permutation = MoEPermuteOp::create(builder, loc, getIdsType({experts + 1}), getIdsType({countSlots()}),
                                       op.getIds().getType(), op.getIds(), experts);
  }

  Value create(bool fuseGateUp) {
    Value hidden = createGateAndUp(fuseGateUp);
    Value outputs = createLinear(hidden, {op.getDown(), op.getDownScale(), op.getBlockAttr()}, /*gather=*/false);
    return MoECombineOp::create(builder, loc, op.getInput().getType(), outputs, permutation.getSlots(), op.getWeights(),
                                ValueRange());
  }

private:
  Value createGateAndUp(bool fuse) {
    ScaledWeight gate = {op.getGate(), op.getGateScale(), op.getBlockAttr()};
    ScaledWeight up = {op.getUp(), op.getUpScale(), op.getBlockAttr()};
    if (!fuse || !canCombine(gate, up)) {
      Value gated = createLinear(op.getInput(), gate, /*gather=*/true);
      return SwiGluOp::create(builder, loc, gated.getType(), gated, createLinear(op.getInput(), up, /*gather=*/true));
    }
    ScaledWeight both = joinGateAndUp(builder, loc, gate, up);
    return MoELinearSwiGluOp::create(builder, loc, getSlotsType(op.getGate()), op.getInput(), permutation.getOffsets(),
                                     permutation.getSourceRows(), both.weight, both.scale, both.block,
                                     /*gather=*/true, getTopK());
  }

  Value createLinear(Value input, const ScaledWeight &weight, bool gather) {
    return MoELinearOp::create(builder, loc, getSlotsType(weight.weight), input, permutation.getOffsets(),
                               permutation.getSourceRows(), weight.weight, weight.scale, weight.block, gather,
                               getTopK());
  }

  static int64_t getDimension(Value tensor, unsigned index) {
    return cast<RankedTensorType>(tensor.getType()).getDimSize(index);
  }
  int64_t getTopK() { return getDimension(op.getIds(), 1); }
  int64_t countSlots() {
    int64_t rows = getDimension(op.getIds(), 0);
    return ShapedType::isDynamic(rows) ? rows : rows * getTopK();
  }
  /// A row of the weight's outputs for each slot.
  RankedTensorType getSlotsType(Value weight) {
    return RankedTensorType::get({countSlots(), getDimension(weight, 1)}, op.getInput().getType().getElementType());
  }
  RankedTensorType getIdsType(ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, builder.getI32Type()); }

  MoEExpertsOp op;
  OpBuilder &builder;
  Location loc;
  MoEPermuteOp permutation;
};

} // namespace

Value createRoutedExperts(OpBuilder &builder, MoEExpertsOp op, bool fuseGateUp) {
  return ExpertRouting(builder, op).create(fuseGateUp);
}

} // namespace fathom

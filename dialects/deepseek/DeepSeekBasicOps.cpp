// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of embedding, norms and linear maps.

#include "dialects/deepseek/DeepSeek.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult EmbeddingOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (table.getRank() != 2 || table.getDimSize(1) != getWidth(getResult().getType())) { // C1
    return emitOpError("expects a table [vocabulary, ") << getWidth(getResult().getType()) << "], but got " << table;
  }
  return success();
}

static LogicalResult verifyNormWeight(Operation *op, Type input, Type weight) {
  auto type = cast<RankedTensorType>(weight);
  if (type.getRank() != 1 || type.getDimSize(0) != getWidth(input)) { // C1
    return op->emitOpError("expects weight of shape [") << getWidth(input) << "], but got " << weight;
  }
  return success();
}

LogicalResult RmsNormOp::verify() { return verifyNormWeight(*this, getInput().getType(), getWeight().getType()); }

LogicalResult AddRmsNormOp::verify() { return verifyNormWeight(*this, getInput().getType(), getWeight().getType()); }

/// C3: f8 weights, and only they, bring scales, of the shape that the block implies.
static LogicalResult verifyScale(Operation *op, RankedTensorType weight, Value scale, BlockScaleAttr block) {
  bool quantised = isa<Float8E4M3FNType>(weight.getElementType());
  if (quantised != bool(scale) || quantised != bool(block)) {
    return op->emitOpError("expects a scale and its block exactly for f8 weights, but the weight is ") << weight;
  }
  if (!quantised) {
    return success();
  }
  WeightShape shape = getWeightShape(weight);
  SmallVector<int64_t> expected;
  int64_t columns = llvm::divideCeil(shape.inputs, block.getColumns());
  if (shape.panels) {
    expected = {shape.outputs / kPanelWidth, columns, kPanelWidth};
  } else {
    expected = {int64_t(llvm::divideCeil(shape.outputs, block.getRows())), columns};
  }
  auto type = cast<RankedTensorType>(scale.getType());
  if (type.getShape() != ArrayRef(expected) || !type.getElementType().isF32()) {
    return op->emitOpError("expects f32 scales [") << expected << "], but got " << type;
  }
  return success();
}

/// C4: (f32 sum, f32 for each extra) -> f32.
static LogicalResult verifyEpilogue(Operation *op, Region &epilogue, size_t extras) {
  if (epilogue.empty()) {
    return extras == 0 ? success() : op->emitOpError("expects an epilogue for its extra operands");
  }
  Block &body = epilogue.front();
  bool scalars = llvm::all_of(body.getArgumentTypes(), [](Type type) { return type.isF32(); });
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  if (body.getNumArguments() != extras + 1 || !scalars || !yield || !yield.getValue().getType().isF32()) {
    return op->emitOpError("expects an epilogue of ") << extras + 1 << " f32 arguments that yields an f32";
  }
  return success();
}

template <typename Op>
static LogicalResult verifyLinear(Op op, int64_t outputsPerResult) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  if (weight.getRank() != 2 && weight.getRank() != 3) {
    return op.emitOpError("expects a weight [N, K] or in panels, but got ") << weight;
  }
  WeightShape shape = getWeightShape(weight);
  if (shape.inputs != getWidth(op.getInput().getType())) { // C1
    return op.emitOpError("expects a weight of ") << getWidth(op.getInput().getType()) << " inputs, but got " << weight;
  }
  int64_t outputs = getWidth(op.getResult().getType());
  bool padded = shape.panels || outputsPerResult == 2;
  int64_t expected = outputsPerResult * (padded ? llvm::alignTo(outputs, kPanelWidth) : outputs);
  if (shape.outputs != expected) { // C2
    return op.emitOpError("expects a weight of ") << expected << " outputs, but got " << weight;
  }
  if (failed(verifyScale(op, weight, op.getScale(), op.getBlockAttr()))) {
    return failure();
  }
  return verifyEpilogue(op, op.getEpilogue(), op.getExtras().size());
}

LogicalResult LinearOp::verify() { return verifyLinear(*this, 1); }

LogicalResult LinearSwiGluOp::verify() { return verifyLinear(*this, 2); }

} // namespace fathom::deepseek

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of embedding, norms and linear maps.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult EmbeddingOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (table.getRank() != 2 || table.getDimSize(1) != getWidth(getResult().getType())) { // C1
    return emitOpError("expects a table [vocabulary, ") << getWidth(getResult().getType()) << "], but got " << table;
  }
  return success();
}

LogicalResult SelectRowsOp::verify() {
  return verifyWidth(*this, "a result", getResult().getType(), getWidth(getInput().getType())); // C1
}

template <typename Op>
static LogicalResult verifyNorm(Op op) {
  if (failed(verifyShape(op, "weight", op.getWeight().getType(), getWidth(op.getInput().getType())))) { // C1
    return failure();
  }
  return verifyEps(op, op.getEps()); // C2
}

LogicalResult RmsNormOp::verify() { return verifyNorm(*this); }

LogicalResult AddRmsNormOp::verify() { return verifyNorm(*this); }

template <typename Op>
static LogicalResult verifyLinear(Op op, int64_t outputsPerResult) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  Type result = op.getResult().getType();
  if (failed(verifyProduct(op, op.getInput().getType(), result, weight, outputsPerResult)) || // C1, C2
      failed(verifyScale(op, weight, op.getScale(), op.getBlockAttr()))) {                    // C3
    return failure();
  }
  return verifyEpilogue(op, op.getEpilogue(), op.getExtras(), result); // C4
}

LogicalResult LinearOp::verify() { return verifyLinear(*this, 1); }

LogicalResult LinearSwiGluOp::verify() { return verifyLinear(*this, 2); }

} // namespace fathom::deepseek

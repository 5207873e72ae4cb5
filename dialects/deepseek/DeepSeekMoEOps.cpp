// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the mixture-of-experts ops.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult MoEGateOp::verify() {
  int64_t experts = getWidth(getLogits().getType());
  RoutingAttr routing = getRouting();
  if (routing.getTopK() > experts || experts % routing.getGroups() != 0) { // C1
    return emitOpError("expects top_k and groups that suit ")
           << experts << " experts, but got top_k " << routing.getTopK() << " and " << routing.getGroups() << " groups";
  }
  if (getBias() && cast<RankedTensorType>(getBias().getType()).getShape() != ArrayRef(experts)) { // C2
    return emitOpError("expects a bias [") << experts << "], but got " << getBias().getType();
  }
  if (failed(verifyWidth(*this, "ids", getIds().getType(), routing.getTopK()))) { // C3
    return failure();
  }
  return verifyWidth(*this, "weights", getWeights().getType(), routing.getTopK());
}

LogicalResult MoEExpertsOp::verify() {
  auto gate = cast<RankedTensorType>(getGate().getType());
  auto down = cast<RankedTensorType>(getDown().getType());
  int64_t hidden = getWidth(getInput().getType());
  if (gate != getUp().getType() || gate.getRank() != 3 || gate.getDimSize(2) != hidden) { // C1
    return emitOpError("expects gate and up [experts, intermediate, ")
           << hidden << "], but got " << gate << " and " << getUp().getType();
  }
  if (down.getRank() != 3 || down.getDimSize(0) != gate.getDimSize(0) || down.getDimSize(1) != hidden ||
      down.getDimSize(2) != gate.getDimSize(1)) { // C2
    return emitOpError("expects down [") << gate.getDimSize(0) << ", " << hidden << ", " << gate.getDimSize(1)
                                         << "], but got " << down;
  }
  if (failed(verifyScale(*this, gate, getGateScale(), getBlockAttr(), /*experts=*/true)) || // C3
      failed(verifyScale(*this, gate, getUpScale(), getBlockAttr(), /*experts=*/true)) ||
      failed(verifyScale(*this, down, getDownScale(), getBlockAttr(), /*experts=*/true))) {
    return failure();
  }
  return verifyWidth(*this, "weights", getWeights().getType(), getWidth(getIds().getType())); // C4
}

LogicalResult MoEPermuteOp::verify() {
  return verifyShape(*this, "offsets", getOffsets().getType(), int64_t(getExperts()) + 1); // C1
}

template <typename Op>
static LogicalResult verifyGrouped(Op op, int64_t outputsPerResult) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  if (failed(verifyProduct(op, op.getInput().getType(), op.getResult().getType(), weight, outputsPerResult,
                           /*experts=*/true)) ||                                             // C1, C2
      failed(verifyScale(op, weight, op.getScale(), op.getBlockAttr(), /*experts=*/true))) { // C3
    return failure();
  }
  return verifyShape(op, "offsets", op.getOffsets().getType(), weight.getDimSize(0) + 1); // C4
}

LogicalResult MoELinearOp::verify() { return verifyGrouped(*this, 1); }

LogicalResult MoELinearSwiGluOp::verify() { return verifyGrouped(*this, 2); }

LogicalResult MoECombineOp::verify() {
  Type result = getResult().getType();
  if (failed(verifyWidth(*this, "an input", getInput().getType(), getWidth(result))) ||                // C1
      failed(verifyWidth(*this, "weights", getWeights().getType(), getWidth(getSlots().getType())))) { // C2
    return failure();
  }
  return verifyEpilogue(*this, getEpilogue(), getExtras(), result); // C3
}

} // namespace fathom::deepseek

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the mixture-of-experts ops.

#include "dialects/deepseek/DeepSeek.h"

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
  return success();
}

LogicalResult MoEExpertsOp::verify() {
  auto gate = cast<RankedTensorType>(getGate().getType());
  auto down = cast<RankedTensorType>(getDown().getType());
  int64_t hidden = getWidth(getInput().getType());
  if (gate != getUp().getType() || gate.getRank() != 3 || gate.getDimSize(2) != hidden) {
    return emitOpError("expects gate and up [experts, intermediate, ")
           << hidden << "], but got " << gate << " and " << getUp().getType();
  }
  if (down.getRank() != 3 || down.getDimSize(0) != gate.getDimSize(0) || down.getDimSize(1) != hidden ||
      down.getDimSize(2) != gate.getDimSize(1)) {
    return emitOpError("expects down [") << gate.getDimSize(0) << ", " << hidden << ", " << gate.getDimSize(1)
                                         << "], but got " << down;
  }
  return success();
}

} // namespace fathom::deepseek

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interface ComputeOp.

#include "dialects/RowFormat.h"
#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

#include "dialects/deepseek/ComputeOp.cpp.inc"

namespace fathom::deepseek {

LogicalResult verifyActivations(Operation *op) {
  auto compute = cast<ComputeOp>(op);
  Type first;
  for (Value value : llvm::concat<Value>(op->getOperands(), op->getResults())) {
    if (compute.convertsActivations() || !isActivation(value.getType()) || compute.staysF32(value)) {
      continue;
    }
    Type element = getElementTypeOrSelf(value);
    if (first && element != first) {
      return op->emitOpError("expects activations of one element type, but got ") << first << " and " << element;
    }
    first = element;
  }
  return success();
}

RowRule getRowsLike(Value operand, Value result) {
  auto type = dyn_cast<RankedTensorType>(result.getType());
  return type && !type.hasStaticShape() ? RowRule{operand} : RowRule{};
}

StringRef getStoredTypeName(Value weight) {
  Type type = cast<RankedTensorType>(weight.getType()).getElementType();
  if (type.isBF16()) {
    return "bf16";
  }
  if (type.isF32()) {
    return "f32";
  }
  return isa<Float8E4M3FNType>(type) ? "f8e4m3" : type.isSignlessInteger(8) ? "i8" : "";
}

void KernelDescription::addElement(StringRef constant, Value activation) {
  Type element = cast<RankedTensorType>(activation.getType()).getElementType();
  bool integers = element.isSignlessInteger(8);
  addConstant(constant, element.isBF16() ? FATHOM_ROW_BF16 : integers ? FATHOM_ROW_I8 : FATHOM_ROW_F32);
}

StringRef getLayoutName(Value weight) { return isRowByRow(weight.getType()) ? kRowsLayout : LayoutAttr::kCatalogName; }

} // namespace fathom::deepseek

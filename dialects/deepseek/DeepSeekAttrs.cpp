// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes of the `deepseek` dialect.

#include "dialects/RowFormat.h"
#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

#include "dialects/deepseek/DeepSeekEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/deepseek/DeepSeekAttrs.cpp.inc"

namespace fathom::deepseek {

void DeepSeekDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/deepseek/DeepSeekAttrs.cpp.inc"
      >();
}

LogicalResult RopeAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, ArrayRef<Real> frequencies,
                               Real magnitude) {
  if (frequencies.empty()) {
    return emitError() << "expects a frequency for each pair, but got none";
  }
  return success();
}

LogicalResult RoutingAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, Scoring scoring,
                                  GroupRule groupRule, int64_t topK, int64_t groups, int64_t topGroups, bool normalize,
                                  Real factor) {
  if (topK < 1) {
    return emitError() << "expects top_k of at least 1, but got " << topK;
  }
  if (groups < 1 || topGroups < 1 || topGroups > groups) {
    return emitError() << "expects 1 <= top_groups <= groups, but got " << topGroups << " of " << groups;
  }
  return success();
}

LogicalResult BlockScaleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows,
                                     int64_t columns) {
  if (rows < 1 || columns < 1) {
    return emitError() << "expects a positive block, but got " << rows << " x " << columns;
  }
  return success();
}

LogicalResult LayoutAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t panels,
                                 int64_t interleave) {
  if (panels < 1 || panels > kLargestDimension) { // C1
    return emitError() << "expects panels of 1 to " << kLargestDimension << " outputs, but got " << panels;
  }
  if (interleave < 0 || interleave > kLargestDimension) {
    return emitError() << "expects blocks of at most " << kLargestDimension << " rows to interleave, but got "
                       << interleave;
  }
  return success();
}

LogicalResult LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                                         llvm::function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() < 2 || ShapedType::isDynamicShape(shape)) { // C2
    return emitError() << "expects a matrix of static shape, or several, to have a layout";
  }
  int64_t rows = shape[shape.size() - 2];
  if (getInterleave() != 0 && rows % 2 != 0) {
    return emitError() << "expects halves of rows to interleave, but got " << rows << " rows";
  }
  return success();
}

SmallVector<int64_t> LayoutAttr::getStoredShape(ArrayRef<int64_t> shape) const {
  int64_t rows = shape[shape.size() - 2];
  if (getInterleave() != 0) {
    rows = 2 * llvm::alignTo(rows / 2, getInterleave());
  }
  SmallVector<int64_t> stored(shape.drop_back(2));
  stored.append({int64_t(llvm::divideCeil(rows, getPanels())), shape.back(), getPanels()});
  return stored;
}

LogicalResult TargetAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringRef triple, StringRef arch,
                                 StringRef tune, LayoutAttr layout, Type activation) {
  if (triple.empty() || arch.empty() || tune.empty()) { // C1
    return emitError() << "expects a triple, an arch and a processor to tune for, but got an empty one";
  }
  if (activation && !activation.isBF16() && !activation.isSignlessInteger(8)) { // C2
    return emitError() << "expects activations of bf16 or i8, or no type for f32, but got " << activation;
  }
  return success();
}

LayoutAttr TargetAttr::getLayoutOf(bool gateAndUp) const {
  LayoutAttr layout = getLayout();
  return gateAndUp || !layout ? layout : LayoutAttr::get(getContext(), layout.getPanels(), /*interleave=*/0);
}

} // namespace fathom::deepseek

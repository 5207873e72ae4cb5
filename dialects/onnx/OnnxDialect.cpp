// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration and verifiers of the `onnx` dialect.

#include "dialects/onnx/Onnx.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/onnx/OnnxDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/onnx/OnnxAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/OnnxTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.cpp.inc"

namespace fathom::onnx {

void OnnxDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/onnx/OnnxAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/onnx/OnnxTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/onnx/OnnxOps.cpp.inc"
      >();
}

Value NodeOp::getInput(unsigned number) {
  Value input = number < getInputs().size() ? getInputs()[number] : Value();
  return input && !isa<NoneType>(input.getType()) ? input : Value();
}

int64_t NodeOp::getInteger(StringRef name, int64_t other) {
  auto attribute = getNodeAttr<IntegerAttr>(name);
  return attribute ? attribute.getInt() : other;
}

double NodeOp::getReal(StringRef name, double other) {
  auto attribute = getNodeAttr<FloatAttr>(name);
  return attribute ? attribute.getValueAsDouble() : other;
}

LogicalResult NodeOp::verify() {
  size_t named = getGraphNames() ? getGraphNames()->size() : 0;
  if (named != getGraphs().size()) {
    return emitOpError("expects a region for each graph name, but has ") << getGraphs().size() << " for " << named;
  }
  for (Region &graph : getGraphs()) {
    if (graph.empty() || !isa<YieldOp>(graph.front().getTerminator())) {
      return emitOpError("expects graphs that end with onnx.yield");
    }
  }
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ExtentsOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.getElementType().isInteger()) {
    return emitOpError("expects integers, but got ") << type.getElementType();
  }
  int64_t count = getNumbers().getExtents().size();
  if (count != type.getNumElements()) {
    return emitOpError("expects a number for each of ") << type.getNumElements() << " elements, but got " << count;
  }
  return success();
}

LogicalResult GetInitializerOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto initializer = symbols.lookupNearestSymbolFrom<InitializerOp>(*this, getInitializerAttr());
  if (!initializer) {
    return emitOpError("expects '") << getInitializer() << "' to be an onnx.initializer";
  }
  if (initializer.getTensorType() != getType()) {
    return emitOpError("expects the type of '")
           << getInitializer() << "', " << initializer.getTensorType() << ", but got " << getType();
  }
  return success();
}

} // namespace fathom::onnx

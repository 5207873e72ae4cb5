// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the `deepseek` dialect's ops, types and attributes.

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/deepseek/DeepSeekDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/deepseek/DeepSeekTypes.cpp.inc"

namespace fathom::deepseek {

void DeepSeekDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/deepseek/DeepSeekTypes.cpp.inc"
      >();
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "dialects/deepseek/DeepSeekOps.cpp.inc"
      >();
}

LogicalResult CacheType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t width) {
  if (width < 1 || width > INT32_MAX) {
    return emitError() << "expects rows of at least 1 number, but got " << width;
  }
  return success();
}

Value sliceColumns(OpBuilder &builder, Location loc, Value input, OpFoldResult rows, int64_t offset, int64_t width) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(builder, loc, input, ArrayRef<OpFoldResult>{zero, builder.getIndexAttr(offset)},
                                        ArrayRef<OpFoldResult>{rows, builder.getIndexAttr(width)},
                                        ArrayRef<OpFoldResult>{one, one});
}

} // namespace fathom::deepseek

#define GET_OP_CLASSES
#include "dialects/deepseek/DeepSeekOps.cpp.inc"

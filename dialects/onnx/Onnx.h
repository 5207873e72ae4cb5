// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Umbrella header of the `onnx` dialect.

#ifndef FATHOM_DIALECTS_ONNX_ONNX_H
#define FATHOM_DIALECTS_ONNX_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/onnx/OnnxDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/onnx/OnnxAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/OnnxTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.h.inc"

namespace fathom::onnx {

/// On an argument or result of @main: what the model calls it.
constexpr llvm::StringLiteral kNameAttr = "onnx.name";
/// On the module: facts of `deepseek.model` that files beside the graph say, of where generation begins and ends.
constexpr llvm::StringLiteral kGenerationAttr = "onnx.generation";
/// The function that an import makes.
constexpr llvm::StringLiteral kMainFunction = "main";

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_ONNX_H

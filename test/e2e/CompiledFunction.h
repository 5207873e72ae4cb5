// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs compiled as they stand, and called in this process.

#ifndef FATHOM_TEST_E2E_COMPILEDFUNCTION_H
#define FATHOM_TEST_E2E_COMPILEDFUNCTION_H

#include "dialects/onnx/evaluate/Array.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::test {

/// What @main of a graph without initializers gives when its code runs. An error is what the code says, or why there is
/// none: then it begins with kNotCompiled.
llvm::Expected<std::vector<onnx::Array>> callCompiled(mlir::ModuleOp graph, llvm::ArrayRef<onnx::Array> inputs);

constexpr const char *kNotCompiled = "is not compiled: ";

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_COMPILEDFUNCTION_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's own tests of operators: small models with inputs, and the outputs that they are to have.

#ifndef FATHOM_TEST_DIALECTS_ONNX_NODETESTS_H
#define FATHOM_TEST_DIALECTS_ONNX_NODETESTS_H

#include "dialects/onnx/evaluate/Array.h"
#include "frontend/checkpoint/Diagnostics.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace fathom::test {

struct NodeTest {
  enum class Outcome { Passed, Wrong, Skipped };

  std::string name;
  /// "Add", or "com.microsoft.QuickGelu": all that its graph has.
  std::set<std::string> operators;
  Outcome outcome = Outcome::Skipped;
  /// What is wrong, or why it was skipped.
  std::string detail;
};

/// Reasons for which tests are skipped.
constexpr const char *kUnread = "of a type or a domain that is not read";
constexpr const char *kUnknownOperators = "of operators that language models do not have";
constexpr const char *kRandom = "of numbers that are drawn by chance";

/// A context with the dialects that models are imported to.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// What the user would see.
std::string printed(const checkpoint::Diagnostics &diagnostics);

/// The values of a set of inputs or outputs of these types, from files "input_0.pb" and so on.
llvm::Expected<std::vector<onnx::Array>> readValues(mlir::Builder &builder, const std::string &prefix,
                                                    mlir::TypeRange types);

/// The module of the model in a folder of node tests; null where it is not read.
mlir::OwningOpRef<mlir::ModuleOp> importNodeTest(mlir::MLIRContext &context, const std::string &folder,
                                                 checkpoint::Diagnostics &diagnostics);

/// What @main of a module gives for inputs.
using RunModule =
    std::function<llvm::Expected<std::vector<onnx::Array>>(mlir::ModuleOp module, llvm::ArrayRef<onnx::Array> inputs)>;

/// Tensors of these types, of numbers between -1 and 1 that are the same each time.
std::vector<onnx::Array> drawInputs(mlir::TypeRange types);

/// By the meaning of its nodes.
llvm::Expected<std::vector<onnx::Array>> evaluateModule(mlir::ModuleOp module, llvm::ArrayRef<onnx::Array> inputs);

/// Imports and runs the models of a folder of ONNX's node tests, in the order of their names.
std::vector<NodeTest> runNodeTests(const std::string &folder, const RunModule &run = evaluateModule);

} // namespace fathom::test

#endif // FATHOM_TEST_DIALECTS_ONNX_NODETESTS_H

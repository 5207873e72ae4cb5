// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that ONNX has no tests of give what the evaluator does when they are compiled. Of those that it has tests
// of, docs/onnx-ops.md says how many pass.

#include "test/dialects/onnx/NodeTests.h"
#include "test/e2e/CompiledFunction.h"

#include "dialects/onnx/Onnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

namespace fathom::test {
namespace {

/// A module that has nothing but a function, as @main.
mlir::OwningOpRef<mlir::ModuleOp> isolate(mlir::func::FuncOp function) {
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(function.getLoc()));
  mlir::func::FuncOp main = function.clone();
  main.setName(onnx::kMainFunction);
  module->push_back(main);
  return module;
}

TEST(NodeFunctionsTest, OperatorsAreWhatTheEvaluatorSays) {
  auto context = makeContext();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(FATHOM_ONNX_TWICE, context.get());
  ASSERT_TRUE(module);
  for (auto function : module->getOps<mlir::func::FuncOp>()) {
    mlir::OwningOpRef<mlir::ModuleOp> own = isolate(function);
    std::vector<onnx::Array> inputs = drawInputs(function.getArgumentTypes());
    auto want = evaluateModule(*own, inputs), got = callCompiled(*own, inputs);
    if (!want || !got) {
      ADD_FAILURE() << function.getName().str() << ": " << toString(joinErrors(want.takeError(), got.takeError()));
      continue;
    }
    for (auto [wanted, given] : llvm::zip_equal(*want, *got)) {
      ASSERT_EQ(wanted.size(), given.size()) << function.getName().str();
      for (int64_t i = 0; i < wanted.size(); ++i) {
        EXPECT_NEAR(wanted.real(i), given.real(i), 1e-5) << function.getName().str() << " at " << i;
      }
    }
  }
}

} // namespace
} // namespace fathom::test

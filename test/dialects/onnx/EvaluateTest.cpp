// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The evaluator of the onnx dialect: operators by others, names of extents, and what it refuses.

#include "dialects/onnx/evaluate/Evaluator.h"
#include "dialects/onnx/evaluate/NodeValues.h"
#include "frontend/onnx/NodeShapes.h"
#include "test/dialects/onnx/NodeTests.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

namespace fathom::onnx {
namespace {

using mlir::func::FuncOp;

struct Parsed {
  explicit Parsed(const std::string &text)
      : context(test::makeContext()), module(mlir::parseSourceString<mlir::ModuleOp>(text, context.get())) {}
  FuncOp function() { return *module->getOps<FuncOp>().begin(); }

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

void bindRandom(Evaluator &evaluator, FuncOp function) {
  for (auto [argument, array] :
       llvm::zip_equal(function.getArguments(), test::drawInputs(function.getArgumentTypes()))) {
    evaluator.bind(argument, array);
  }
}

/// What a function returns, or the finding.
std::string describe(llvm::Expected<const Array *> array) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!array) {
    return toString(array.takeError());
  }
  llvm::interleaveComma((*array)->reals, out);
  llvm::interleaveComma((*array)->integers, out);
  return text;
}

TEST(OnnxEvaluateTest, OperatorsAreWhatOthersSayOfThem) {
  auto context = test::makeContext();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(FATHOM_ONNX_TWICE, context.get());
  ASSERT_TRUE(module);
  for (FuncOp function : module->getOps<FuncOp>()) {
    Evaluator evaluator;
    bindRandom(evaluator, function);
    mlir::Operation *end = function.front().getTerminator();
    auto once = evaluator.evaluate(end->getOperand(0)), twice = evaluator.evaluate(end->getOperand(1));
    ASSERT_TRUE(once && twice) << function.getName().str() << ": " << describe(std::move(once))
                               << describe(std::move(twice));
    ASSERT_EQ((*once)->size(), (*twice)->size());
    for (int64_t i = 0; i < (*once)->size(); ++i) {
      EXPECT_NEAR((*once)->reals[i], (*twice)->reals[i], 1e-6) << function.getName().str() << " at " << i;
    }
  }
}

TEST(OnnxEvaluateTest, WhatHasShapesHasAMeaning) {
  for (llvm::ArrayRef<ShapeRuleRow> rows :
       {elementwiseRules(), creationRules(), shapeRules(), indexRules(), productRules(), fusedRules()}) {
    for (const ShapeRuleRow &row : rows) {
      // The importer makes onnx.constant of it.
      EXPECT_TRUE(row.op == "Constant" || findEvaluateRow(row.domain, row.op))
          << row.domain.str() << "." << row.op.str();
    }
  }
}

TEST(OnnxEvaluateTest, ExtentsFollowFromWhatInputsAre) {
  Parsed parsed(R"(
    func.func @main(%x: tensor<?x?xf32, #onnx.shape<"batch", "past + sequence">>, %y: tensor<?xf32, #onnx.shape<"sequence">>)
        -> tensor<3xi64> {
      %0 = onnx.extents <"2*batch*sequence + -1", "past + sequence + -1*sequence", "7"> : tensor<3xi64>
      return %0 : tensor<3xi64>
    })");
  mlir::Type real = mlir::Float32Type::get(parsed.context.get());
  Evaluator evaluator;
  evaluator.bind(parsed.function().getArgument(0), Array(real, {3, 9}));
  evaluator.bind(parsed.function().getArgument(1), Array(real, {4}));
  EXPECT_EQ(describe(evaluator.evaluate(parsed.function().front().getTerminator()->getOperand(0))), "23, 5, 7");
  EXPECT_EQ(cantFail(evaluator.evaluateExtent("past")), 5);
}

TEST(OnnxEvaluateTest, ExtentsOfDataAreThoseOfWhatIsComputed) {
  Parsed parsed(R"(
    func.func @main() -> tensor<1xi64> {
      %x = onnx.constant dense<[0, 4, 0, 5, 6]> : tensor<5xi64>
      %at = onnx.node "NonZero" opset 13 (%x) : (tensor<5xi64>) -> tensor<1x?xi64, #onnx.shape<"?1">>
      %0 = onnx.extents <"2*?1"> : tensor<1xi64>
      return %0 : tensor<1xi64>
    })");
  Evaluator evaluator;
  EXPECT_EQ(describe(evaluator.evaluate(parsed.function().front().getTerminator()->getOperand(0))), "6");
}

TEST(OnnxEvaluateTest, WhatIsBoundStays) {
  Parsed parsed(R"(
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %cut = onnx.node "Twirl" opset 13 (%x) : (tensor<2xf32>) -> tensor<2xf32>
      %0 = onnx.node "Add" opset 13 (%cut, %cut) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
      return %0 : tensor<2xf32>
    })");
  Array three(mlir::Float32Type::get(parsed.context.get()), {2});
  three.reals = {3, 4};
  Evaluator evaluator;
  evaluator.bind(parsed.function().front().front().getResult(0), three);
  EXPECT_EQ(describe(evaluator.evaluate(parsed.function().front().getTerminator()->getOperand(0))),
            "6.000000e+00, 8.000000e+00");
}

TEST(OnnxEvaluateTest, WhatCannotBeEvaluatedIsNamed) {
  const std::pair<const char *, const char *> cases[] = {
      {"argument 0 has no value", R"("Neg" opset 13 (%x) : (tensor<2xf32>) -> tensor<2xf32>)"},
      {"node 'n' (Twirl): is of an operator that is not evaluated", R"("Twirl" opset 13 () : () -> tensor<2xf32>)"},
      {"node 'n' (Add): lacks input 1", R"("Add" opset 13 (%c) : (tensor<2xf32>) -> tensor<2xf32>)"},
      {"'?' (onnx.get_initializer): 'w' is in a file, and files are not at hand",
       R"("Neg" opset 13 (%w) : (tensor<2xf32>) -> tensor<2xf32>)"},
      {"node 'n' (Add): has inputs of unlike types",
       R"("Add" opset 13 (%c, %i) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>)"},
      {"node 'n' (Neg): gives tensor<2xf32>, not the tensor<3xf32> of its type",
       R"("Neg" opset 13 (%c) : (tensor<2xf32>) -> tensor<3xf32>)"},
      {"node 'n' (Gather): takes element 7 of 2",
       R"("Gather" opset 13 (%c, %i) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>)"},
      {"node 'n' (Expand): gives a tensor that is too large to be evaluated, or of a type that is not",
       R"("Expand" opset 13 (%one, %big) : (tensor<1xf32>, tensor<2xi64>) -> tensor<?x?xf32>)"},
      {"'?' (onnx.extents): the extent 'q' has no value", R"("Neg" opset 13 (%q) : (tensor<1xi64>) -> tensor<1xi64>)"},
  };
  for (auto [want, node] : cases) {
    Parsed parsed(R"(
      onnx.initializer @w : tensor<2xf32> file 0 offset 0
      func.func @main(%x: tensor<2xf32>) {
        %c = onnx.constant dense<1.0> : tensor<2xf32>
        %one = onnx.constant dense<1.0> : tensor<1xf32>
        %i = onnx.constant dense<7> : tensor<2xi64>
        %big = onnx.constant dense<100000> : tensor<2xi64>
        %w = onnx.get_initializer @w : tensor<2xf32>
        %q = onnx.extents <"q"> : tensor<1xi64>
        %0 = onnx.node )" +
                  std::string(node) + R"( loc("n")
        return
      })");
    ASSERT_TRUE(parsed.module) << node;
    Evaluator evaluator;
    mlir::Operation *end = parsed.function().front().getTerminator();
    EXPECT_EQ(describe(evaluator.evaluate(end->getPrevNode()->getResult(0))), want);
  }
}

TEST(OnnxEvaluateTest, LoopsThatDoNotEndAreRefused) {
  Parsed parsed(R"(
    func.func @main() -> tensor<i64> {
      %none = onnx.none
      %zero = onnx.constant dense<0> : tensor<i64>
      %0 = onnx.node "Loop" opset 13 (%none, %none, %zero) graphs ["body"] {
      ^bb0(%turn: tensor<i64>, %go: tensor<i1>, %carried: tensor<i64>):
        onnx.yield %go, %turn : tensor<i1>, tensor<i64>
      } : (none, none, tensor<i64>) -> tensor<i64>
      return %0 : tensor<i64>
    })");
  Evaluator evaluator;
  EXPECT_EQ(describe(evaluator.evaluate(parsed.function().front().getTerminator()->getOperand(0))),
            "node '?' (Loop): does not end after 1000000 turns");
}

TEST(OnnxEvaluateTest, AttributesAndArraysAreTheSame) {
  Parsed parsed(R"(func.func @main() -> tensor<2xf32> {
      %0 = onnx.constant dense<[1.0, -2.5]> : tensor<2xbf16>
      %1 = onnx.constant dense<[-1, 7]> : tensor<2xi4>
      %2 = onnx.constant dense<[255, 0]> : tensor<2xui8>
      %3 = onnx.constant dense<[true, false]> : tensor<2xi1>
      %4 = onnx.constant dense<[(1.0, 2.0), (3.0, 4.0)]> : tensor<2xcomplex<f32>>
      %5 = onnx.constant dense<[0x7FC00000, 1.0]> : tensor<2xf32>
      return %5 : tensor<2xf32>
    })");
  for (ConstantOp op : parsed.function().getOps<ConstantOp>()) {
    EXPECT_EQ(makeAttribute(cantFail(readAttribute(op.getValue()))), op.getValue());
  }
}

} // namespace
} // namespace fathom::onnx

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes on inputs and with attributes that do not fit end in a finding, whatever their operator is.

#include "dialects/onnx/evaluate/Evaluator.h"
#include "test/dialects/onnx/NodeTests.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <filesystem>
#include <map>
#include <random>

namespace fathom::onnx {
namespace {

constexpr int64_t kOdd[] = {INT64_MIN, -(int64_t(1) << 40), -3, -1, 0, 1, 2, 5, int64_t(1) << 40, INT64_MAX};

/// Makes something of a node odd at a time.
class Odd {
public:
  explicit Odd(mlir::MLIRContext *context) : context(context) {}

  int64_t number() { return kOdd[random() % std::size(kOdd)]; }
  Array array(const Array &like);
  mlir::DictionaryAttr attributes(mlir::DictionaryAttr like);
  bool chance(unsigned of) { return random() % of == 0; }

private:
  mlir::MLIRContext *context;
  std::mt19937 random{1};
};

/// Of another shape, another type, or of other numbers.
Array Odd::array(const Array &like) {
  mlir::Type real = mlir::Float32Type::get(context), integer = mlir::IntegerType::get(context, 64);
  mlir::Type types[] = {like.element ? like.element : real, real, integer, StringType::get(context),
                        mlir::IntegerType::get(context, 8, mlir::IntegerType::Unsigned)};
  llvm::SmallVector<int64_t> shape(random() % 5);
  for (int64_t &extent : shape) {
    extent = random() % 4;
  }
  Array odd(types[random() % std::size(types)], chance(2) && !like.isSequence() ? like.shape : shape);
  for (int64_t &value : odd.integers) {
    value = wrapTo(odd.element, number());
  }
  return odd;
}

mlir::DictionaryAttr Odd::attributes(mlir::DictionaryAttr like) {
  llvm::SmallVector<mlir::NamedAttribute> all;
  mlir::Builder builder(context);
  for (mlir::NamedAttribute attribute : like) {
    mlir::Attribute value = attribute.getValue();
    if (llvm::isa<mlir::IntegerAttr>(value)) {
      value = builder.getI64IntegerAttr(number());
    } else if (auto list = llvm::dyn_cast<mlir::DenseI64ArrayAttr>(value)) {
      llvm::SmallVector<int64_t> numbers(list.size() + random() % 2);
      std::generate(numbers.begin(), numbers.end(), [&] { return number(); });
      value = builder.getDenseI64ArrayAttr(numbers);
    } else if (llvm::isa<mlir::StringAttr>(value)) {
      value = builder.getStringAttr("->ij...,i->");
    }
    all.push_back(builder.getNamedAttr(attribute.getName(), value));
  }
  return builder.getDictionaryAttr(all);
}

/// Tries a node whose inputs are these; whether any try ended in a finding.
bool refusesOddInputs(NodeOp node, const std::vector<Array> &inputs, Odd &odd) {
  bool refused = false;
  mlir::DictionaryAttr attributes = node.getNodeAttributes();
  for (int i = 0; i < 60; ++i) {
    std::vector<Array> some = inputs;
    llvm::SmallVector<const Array *> given;
    for (Array &array : some) {
      if (odd.chance(3)) {
        array = odd.array(array);
      }
      given.push_back(odd.chance(12) ? nullptr : &array);
    }
    node.setNodeAttributesAttr(odd.chance(2) ? odd.attributes(attributes) : attributes);
    auto outputs = evaluateNode(node, given);
    refused |= !outputs;
    llvm::consumeError(outputs.takeError());
  }
  node.setNodeAttributesAttr(attributes);
  return refused;
}

/// Zeros of the types of what a node takes; extents that are not known are 2.
std::vector<Array> zerosFor(NodeOp node) {
  std::vector<Array> inputs;
  for (mlir::Type type : node.getOperandTypes()) {
    auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
    llvm::SmallVector<int64_t> shape = tensor ? llvm::to_vector(tensor.getShape()) : llvm::SmallVector<int64_t>();
    llvm::replace(shape, mlir::ShapedType::kDynamic, int64_t(2));
    inputs.push_back(tensor ? Array(tensor.getElementType(), shape) : Array());
  }
  return inputs;
}

/// By operator, how many nodes were tried, and how many of these were given something that they refused.
struct Tries {
  int tried = 0, refused = 0;
};
using TriesByOperator = std::map<std::string, Tries>;

void tryOddInputs(mlir::ModuleOp module, TriesByOperator &operators) {
  Odd odd(module.getContext());
  module.walk([&](NodeOp node) {
    Tries &tries = operators[(node.getDomain().value_or("") + "." + node.getOpType()).str()];
    if (node.getGraphs().empty() && tries.tried < 3) {
      ++tries.tried;
      tries.refused += refusesOddInputs(node, zerosFor(node), odd);
    }
  });
}

TEST(OnnxOddInputsTest, NodesEndInAFinding) {
  TriesByOperator operators;
  auto context = test::makeContext();
  tryOddInputs(*mlir::parseSourceFile<mlir::ModuleOp>(FATHOM_ONNX_TWICE, context.get()), operators);
  for (const auto &entry : std::filesystem::directory_iterator(FATHOM_ONNX_NODE_TESTS)) {
    checkpoint::Diagnostics diagnostics;
    auto module = test::importNodeTest(*context, entry.path().string(), diagnostics);
    module ? tryOddInputs(*module, operators) : void();
  }
  EXPECT_GT(operators.size(), 100u);
  for (const auto &[name, tries] : operators) {
    EXPECT_TRUE(tries.tried == 0 || tries.refused > 0) << name;
  }
}

} // namespace
} // namespace fathom::onnx

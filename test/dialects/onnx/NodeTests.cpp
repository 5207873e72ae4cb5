// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs ONNX's node tests.

#include "test/dialects/onnx/NodeTests.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/evaluate/Evaluator.h"
#include "frontend/onnx/import/ImportModel.h"
#include "frontend/onnx/import/ImportTypes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <onnx/onnx-data_pb.h>
#include <random>

namespace fathom::test {

using namespace onnx;
using checkpoint::Diagnostics;
using Outcome = NodeTest::Outcome;

std::unique_ptr<mlir::MLIRContext> makeContext() {
  auto context = std::make_unique<mlir::MLIRContext>();
  context->loadDialect<OnnxDialect, deepseek::DeepSeekDialect, mlir::func::FuncDialect>();
  return context;
}

std::string printed(const Diagnostics &diagnostics) {
  std::string text;
  llvm::raw_string_ostream out(text);
  diagnostics.print(out);
  return text;
}

/// Numbers of bf16 were written as their bits, in a type of 16 bits.
static llvm::Expected<Array> readTensor(mlir::Builder &builder, const proto::TensorProto &tensor, mlir::Type element) {
  llvm::Expected<Array> array = readAttribute(convertTensor(builder, tensor));
  if (!array || !array->element.isUnsignedInteger(16) || !element.isBF16()) {
    return array;
  }
  Array numbers(element, array->shape);
  llvm::transform(array->integers, numbers.reals.begin(), [](int64_t bits) {
    return llvm::APFloat(llvm::APFloat::BFloat(), llvm::APInt(16, static_cast<uint64_t>(bits))).convertToFloat();
  });
  return numbers;
}

/// A tensor, or a sequence of tensors.
static llvm::Expected<Array> readValue(mlir::Builder &builder, const std::string &path, mlir::Type type) {
  std::ifstream in(path, std::ios::binary);
  proto::TensorProto tensor;
  if (auto single = llvm::dyn_cast<mlir::TensorType>(type)) {
    tensor.ParseFromIstream(&in);
    return readTensor(builder, tensor, single.getElementType());
  }
  proto::SequenceProto sequence;
  sequence.ParseFromIstream(&in);
  Array array;
  for (const proto::TensorProto &item : sequence.tensor_values()) {
    llvm::Expected<Array> read = readTensor(builder, item, mlir::NoneType::get(builder.getContext()));
    if (!read) {
      return read.takeError();
    }
    array.items.push_back(std::move(*read));
  }
  return array;
}

/// Within the bounds of ONNX's own tests; integers and strings are to be equal. Numbers of bf16 may be a step apart:
/// the version of ONNX that wrote the files cut bits off, where the operators are to round.
static bool isLike(const Array &got, const Array &want) {
  double relative = got.element && got.element.isBF16() ? 0x1p-7 : 1e-3;
  auto isClose = [=](double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-5 + relative * std::abs(b);
  };
  bool like = got.element == want.element && got.shape == want.shape && got.integers == want.integers &&
              got.strings == want.strings && got.items.size() == want.items.size() &&
              std::equal(got.reals.begin(), got.reals.end(), want.reals.begin(), want.reals.end(), isClose);
  for (size_t i = 0; like && i < got.items.size(); ++i) {
    like = isLike(got.items[i], want.items[i]);
  }
  return like;
}

llvm::Expected<std::vector<Array>> readValues(mlir::Builder &builder, const std::string &prefix,
                                              mlir::TypeRange types) {
  std::vector<Array> values;
  for (auto [number, type] : llvm::enumerate(types)) {
    std::string path = prefix + std::to_string(number) + ".pb";
    llvm::Expected<Array> value = readValue(builder, path, type);
    if (!value) {
      return value.takeError();
    }
    values.push_back(std::move(*value));
  }
  return values;
}

std::vector<Array> drawInputs(mlir::TypeRange types) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> numbers(-1, 1);
  std::vector<Array> inputs;
  for (mlir::Type type : types) {
    auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    Array &array = inputs.emplace_back(tensor.getElementType(), tensor.getShape());
    std::generate(array.reals.begin(), array.reals.end(), [&] { return roundTo(array.element, numbers(random)); });
  }
  return inputs;
}

llvm::Expected<std::vector<Array>> evaluateModule(mlir::ModuleOp module, llvm::ArrayRef<Array> inputs) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>(kMainFunction);
  Evaluator evaluator;
  for (auto [argument, array] : llvm::zip_equal(main.getArguments(), inputs)) {
    evaluator.bind(argument, array);
  }
  std::vector<Array> outputs;
  for (mlir::Value result : main.front().getTerminator()->getOperands()) {
    llvm::Expected<const Array *> got = evaluator.evaluate(result);
    if (!got) {
      return got.takeError();
    }
    outputs.push_back(**got);
  }
  return outputs;
}

/// What is wrong with what a module gives for a set of data; an empty string: nothing.
static std::string tryData(mlir::ModuleOp module, const std::string &folder, const RunModule &run) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>(kMainFunction);
  mlir::Builder builder(module.getContext());
  auto inputs = readValues(builder, folder + "/input_", main.getArgumentTypes());
  auto outputs = readValues(builder, folder + "/output_", main.getResultTypes());
  if (!inputs || !outputs) {
    return toString(joinErrors(inputs.takeError(), outputs.takeError()));
  }
  llvm::Expected<std::vector<Array>> given = run(module, *inputs);
  if (!given) {
    return toString(given.takeError());
  }
  return std::equal(given->begin(), given->end(), outputs->begin(), outputs->end(), isLike) ? ""
                                                                                            : "gives other numbers";
}

static void collectOperators(const proto::GraphProto &graph, std::set<std::string> &operators) {
  for (const proto::NodeProto &node : graph.node()) {
    llvm::StringRef domain = normalizeDomain(node.domain());
    operators.insert((domain + (domain.empty() ? "" : ".") + node.op_type()).str());
    for (const proto::AttributeProto &attribute : node.attribute()) {
      attribute.has_g() ? collectOperators(attribute.g(), operators) : void();
    }
  }
}

static void judge(NodeTest &test, const std::string &finding) {
  bool isRandom = finding.find("by chance") != std::string::npos;
  test.outcome = finding.empty() ? Outcome::Passed : isRandom ? Outcome::Skipped : Outcome::Wrong;
  test.detail = isRandom ? kRandom : finding;
}

/// The model of a test. Those of opsets that are not read are of operators that have not changed until the package was
/// made, so that they are of the first that is read as well.
static std::unique_ptr<Model> openModel(const std::string &path, Diagnostics &diagnostics) {
  std::ifstream in(path, std::ios::binary);
  proto::ModelProto model;
  model.ParseFromIstream(&in);
  for (proto::OperatorSetIdProto &set : *model.mutable_opset_import()) {
    set.set_version(set.domain().empty() ? std::max(set.version(), kOldestOpset) : set.version());
  }
  return Model::parse(model.SerializeAsString(), path, diagnostics);
}

mlir::OwningOpRef<mlir::ModuleOp> importNodeTest(mlir::MLIRContext &context, const std::string &folder,
                                                 Diagnostics &diagnostics) {
  auto model = openModel(folder + "/model.onnx", diagnostics);
  TypedModel typed = model ? inferShapes(*model, diagnostics) : TypedModel();
  if (diagnostics.hasErrors()) {
    return {};
  }
  return std::move(importModel(context, *model, typed, diagnostics).module);
}

static void tryTest(NodeTest &test, const std::string &folder, const RunModule &run) {
  Diagnostics diagnostics;
  auto model = openModel(folder + "/model.onnx", diagnostics);
  if (!model) {
    test.detail = kUnread;
    return;
  }
  collectOperators(model->proto().graph(), test.operators);
  TypedModel typed = inferShapes(*model, diagnostics);
  if (!typed.missing.empty()) {
    test.detail = kUnknownOperators;
    return;
  }
  auto context = makeContext();
  ImportedModel imported = importModel(*context, *model, typed, diagnostics);
  if (diagnostics.hasErrors() || failed(verify(*imported.module))) {
    judge(test, "is not imported: " + printed(diagnostics));
    return;
  }
  for (int set = 0; std::filesystem::exists(folder + "/test_data_set_" + std::to_string(set)); ++set) {
    judge(test, tryData(*imported.module, folder + "/test_data_set_" + std::to_string(set), run));
    if (test.outcome != Outcome::Passed) {
      return;
    }
  }
}

std::vector<NodeTest> runNodeTests(const std::string &folder, const RunModule &run) {
  std::vector<NodeTest> tests;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    tests.emplace_back().name = entry.path().filename().string();
  }
  llvm::sort(tests, [](const NodeTest &a, const NodeTest &b) { return a.name < b.name; });
  for (NodeTest &test : tests) {
    tryTest(test, folder + "/" + test.name, run);
  }
  return tests;
}

} // namespace fathom::test

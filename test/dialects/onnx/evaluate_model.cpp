// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-onnx-evaluate MODEL.onnx FOLDER: evaluates a model on inputs that lie in a folder as those of ONNX's tests do
// (input_0.pb and so on, each a TensorProto), and writes what it gives beside them as output_0.pb and so on: floats of
// any type as f32, integers as i64. For models of which somebody knows the outputs otherwise.

#include "dialects/onnx/evaluate/Evaluator.h"
#include "dialects/onnx/evaluate/ReadInitializer.h"
#include "frontend/onnx/import/ImportModel.h"
#include "test/dialects/onnx/NodeTests.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <fstream>

using namespace fathom;
using namespace fathom::onnx;

template <typename To, typename From>
static std::string toRaw(const std::vector<From> &values) {
  std::string raw;
  for (From value : values) {
    To number = static_cast<To>(value);
    raw.append(reinterpret_cast<const char *>(&number), sizeof(number));
  }
  return raw;
}

static void write(const Array &array, const std::string &path) {
  proto::TensorProto tensor;
  for (int64_t extent : array.shape) {
    tensor.add_dims(extent);
  }
  tensor.set_data_type(array.isReal() ? proto::TensorProto::FLOAT : proto::TensorProto::INT64);
  tensor.set_raw_data(array.isReal() ? toRaw<float>(array.reals) : toRaw<int64_t>(array.integers));
  std::ofstream out(path, std::ios::binary);
  tensor.SerializeToOstream(&out);
}

static llvm::Error evaluate(ImportedModel &imported, const std::string &folder) {
  auto main = imported.module->lookupSymbol<mlir::func::FuncOp>(kMainFunction);
  mlir::Builder builder(main.getContext());
  auto inputs = test::readValues(builder, folder + "/input_", main.getArgumentTypes());
  if (!inputs) {
    return inputs.takeError();
  }
  Evaluator evaluator([&](InitializerOp op) { return readInitializer(op, imported.files[op.getFile()].path); });
  for (auto [argument, array] : llvm::zip_equal(main.getArguments(), *inputs)) {
    evaluator.bind(argument, std::move(array));
  }
  for (auto [number, result] : llvm::enumerate(main.front().getTerminator()->getOperands())) {
    llvm::Expected<const Array *> array = evaluator.evaluate(result);
    if (!array) {
      return array.takeError();
    }
    write(**array, folder + "/output_" + std::to_string(number) + ".pb");
  }
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "usage: fathom-onnx-evaluate MODEL.onnx FOLDER\n";
    return 2;
  }
  checkpoint::Diagnostics diagnostics;
  auto context = test::makeContext();
  auto model = Model::open(argv[1], diagnostics);
  TypedModel typed = model ? inferShapes(*model, diagnostics) : TypedModel();
  if (diagnostics.hasErrors()) {
    llvm::errs() << test::printed(diagnostics);
    return diagnostics.exitCode();
  }
  ImportedModel imported = importModel(*context, *model, typed, diagnostics);
  if (llvm::Error error = evaluate(imported, argv[2])) {
    llvm::errs() << argv[1] << ": " << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  return 0;
}

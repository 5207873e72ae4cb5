// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes what becomes of ONNX models that are read: import and raising. Beyond not crashing: what is imported is valid,
// each pass leaves a valid module, and one that is refused was complained about.

#include "dialects/RegisterDialects.h"
#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"
#include "frontend/onnx/import/ImportModel.h"
#include "passes/raise/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <cstdlib>

using namespace mlir;
namespace onnx_model = fathom::onnx;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

static void raise(ModuleOp module) {
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    check(diagnostic.str().size() < 100'000);
    return success();
  });
  check(succeeded(verify(module)));
  PassManager manager(module.getContext());
  fathom::addRaisePipeline(manager, fathom::RaisePipelineOptions());
  check(succeeded(manager.run(module)) || errors > 0);
  check(succeeded(verify(module)));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fathom::checkpoint::Diagnostics diagnostics;
  auto model = onnx_model::Model::parse({reinterpret_cast<const char *>(data), size}, "fuzz/m.onnx", diagnostics);
  onnx_model::TypedModel typed = model ? onnx_model::inferShapes(*model, diagnostics) : onnx_model::TypedModel();
  if (diagnostics.hasErrors()) {
    return 0;
  }
  DialectRegistry registry;
  fathom::registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<fathom::deepseek::DeepSeekDialect, onnx_model::OnnxDialect, func::FuncDialect,
                      arith::ArithDialect, tensor::TensorDialect>();
  onnx_model::ImportedModel imported = onnx_model::importModel(context, *model, typed, diagnostics);
  if (imported.module && !diagnostics.hasErrors()) {
    raise(*imported.module);
  }
  return 0;
}

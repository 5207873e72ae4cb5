// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a model with shapes to a module of the `onnx` dialect.

#ifndef FATHOM_FRONTEND_ONNX_IMPORT_IMPORTMODEL_H
#define FATHOM_FRONTEND_ONNX_IMPORT_IMPORTMODEL_H

#include "frontend/onnx/InferShapes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace fathom::onnx {

/// A file that holds numbers of a module.
struct DataFile {
  /// The path in the model's folder, as external data spell it.
  std::string name;
  /// For opening it.
  std::string path;
  uint64_t bytes = 0;
  /// Of what it begins with, so that another file is told.
  uint64_t headBytes = 0, headHash = 0;
};

/// What is to be known of the file at `path`; nothing after a finding.
std::optional<DataFile> lookAtFile(llvm::StringRef name, const std::string &path, checkpoint::Diagnostics &diagnostics);

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Those that `deepseek.shards` lists, in its order.
  std::vector<DataFile> files;
};

/// Builds the module of a model whose shapes were inferred without a finding. What nobody reads is left out. Reports a
/// file whose size cannot be told, and operators with types or attributes that IR has none for. `context` must have
/// the `onnx`, `deepseek` and `func` dialects loaded.
ImportedModel importModel(mlir::MLIRContext &context, const Model &model, const TypedModel &typed,
                          checkpoint::Diagnostics &diagnostics);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_IMPORT_IMPORTMODEL_H

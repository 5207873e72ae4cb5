// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a checkpoint's configuration and weights to a module of the `deepseek` dialect.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_IMPORTMODEL_H
#define FATHOM_FRONTEND_HUGGINGFACE_IMPORTMODEL_H

#include "frontend/huggingface/ModelWeights.h"
#include "frontend/huggingface/StoredType.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace fathom::huggingface {

struct ImportOptions {
  /// Positions that the rope table covers.
  int64_t maxContext = 0;
  StoredType cacheType = StoredType::F32;
};

/// The facts of `deepseek.model` that say where generation begins and ends, and how tokens are drawn.
llvm::SmallVector<mlir::NamedAttribute> convertGeneration(mlir::Builder &builder, const GenerationConfig &generation);

/// Builds the module of a model that `findModelWeights` accepted: a `deepseek.weight` for each stack, a
/// function for each group of layers, `@forward`, which embeds tokens, calls the layers and computes logits, and
/// `@draft_forward` where it has a layer that drafts. `context` must have the `deepseek`, `func`, `arith` and `tensor`
/// dialects loaded.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const ModelConfig &config,
                                              const ModelWeights &weights, const checkpoint::Checkpoint &checkpoint,
                                              const ImportOptions &options);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_IMPORTMODEL_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From weights and recipes in IR to what the packer runs.

#ifndef FATHOM_CODEGEN_WEIGHTS_LOWERRECIPES_H
#define FATHOM_CODEGEN_WEIGHTS_LOWERRECIPES_H

#include "codegen/artifact/ArtifactContents.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace fathom::codegen {

/// How an artifact holds weights that are as the checkpoint has them.
enum class WeightStorage {
  /// Copied into the artifact.
  Pack,
  /// Left in the checkpoint's shards; only what recipes make is in the artifact.
  Reference
};

/// The weights that the program of a planned module reads, in the order of its weight table. Fails for a recipe that
/// the packer cannot run.
llvm::Expected<std::vector<WeightContents>> lowerRecipes(mlir::ModuleOp planned, WeightStorage storage);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_WEIGHTS_LOWERRECIPES_H

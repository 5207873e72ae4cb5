// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the initializers of a graph to what the packer copies.

#ifndef FATHOM_CODEGEN_WEIGHTS_LOWERINITIALIZERS_H
#define FATHOM_CODEGEN_WEIGHTS_LOWERINITIALIZERS_H

#include "codegen/weights/LowerRecipes.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::codegen {

/// The initializers of a graph in their order, each a slice with its bytes as they are.
std::vector<WeightContents> lowerInitializers(mlir::ModuleOp graph, WeightStorage storage);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_WEIGHTS_LOWERINITIALIZERS_H

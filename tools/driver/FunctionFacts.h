// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a graph to the artifact's tables of named functions.

#ifndef FATHOM_TOOLS_DRIVER_FUNCTIONFACTS_H
#define FATHOM_TOOLS_DRIVER_FUNCTIONFACTS_H

#include "codegen/artifact/ArtifactContents.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace fathom::driver {

/// The functions of a graph whose nodes are decomposed, without their code. Fails for tensors that calls cannot have.
llvm::Expected<std::vector<artifact::NamedFunctionT>> listNamedFunctions(mlir::ModuleOp decomposed);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_FUNCTIONFACTS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an artifact says about its program.

#ifndef FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H
#define FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H

#include "codegen/artifact/ArtifactContents.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::driver {

/// Copies what a planned module says of its model, cache, entry points, commands, kernels and buffers to `contents`.
/// Addresses of kernels are known only when there is code.
void collectProgramFacts(mlir::ModuleOp planned, codegen::ArtifactContents &contents);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H

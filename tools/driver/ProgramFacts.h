// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an artifact says about its model and its program.

#ifndef FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H
#define FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H

#include "codegen/artifact/ArtifactContents.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::driver {

/// Copies what a planned module says of its model and cache to `contents`, whatever machine it is for.
void collectModelFacts(mlir::ModuleOp planned, codegen::ArtifactContents &contents);

/// Copies what it says of entry points, commands, kernels and buffers to `program`. Addresses of kernels are known only
/// when there is code.
void collectProgramFacts(mlir::ModuleOp planned, codegen::ProgramContents &program);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_PROGRAMFACTS_H

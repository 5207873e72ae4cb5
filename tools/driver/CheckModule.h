// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a module of --from must agree on with the checkpoint and the target.

#ifndef FATHOM_TOOLS_DRIVER_CHECKMODULE_H
#define FATHOM_TOOLS_DRIVER_CHECKMODULE_H

#include "codegen/x86/Target.h"
#include "frontend/checkpoint/Checkpoint.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::driver {

/// Reports, as an error of the module, files that are not those it was made from, and weights that lie outside of
/// them. True where there is nothing to report.
bool checkWeights(mlir::ModuleOp module, const checkpoint::Checkpoint &files);

/// The same of kernels that the target cannot run.
bool checkKernels(mlir::ModuleOp module, const codegen::X86Target &target);

/// Whether it has kernels of the level itself.
bool hasKernelsFor(mlir::ModuleOp module, llvm::StringRef arch);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_CHECKMODULE_H

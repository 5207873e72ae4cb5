// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a module of --from must agree on with the checkpoint, and what it needs of a machine.

#ifndef FATHOM_TOOLS_DRIVER_CHECKMODULE_H
#define FATHOM_TOOLS_DRIVER_CHECKMODULE_H

#include "tools/driver/WeightFiles.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::driver {

/// Reports, as an error of the module, files that are not those it was made from, and weights that lie outside of
/// them. True where there is nothing to report.
bool checkWeights(mlir::ModuleOp module, const WeightFiles &files);

/// Whether it has kernels of the level itself.
bool hasKernelsFor(mlir::ModuleOp module, llvm::StringRef arch);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_CHECKMODULE_H

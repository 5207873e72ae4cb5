// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the code of a plan may reach.

#ifndef FATHOM_PASSES_PLAN_BOUNDS_H
#define FATHOM_PASSES_PLAN_BOUNDS_H

#include "mlir/IR/BuiltinOps.h"

namespace fathom {

/// Checks a plan whose kernels and attributes are checked, and reports the op in the way: buffers lie in the arena of
/// every entry point that reaches them and are as large as its calls need, kernels have the scratch memory that they
/// take, and layers are the model's, wherever their numbers come from.
mlir::LogicalResult verifyBounds(mlir::ModuleOp module);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_BOUNDS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a generated function reads and writes, against what its op says.

#ifndef FATHOM_PASSES_PLAN_GENERATEDROWS_H
#define FATHOM_PASSES_PLAN_GENERATEDROWS_H

#include "passes/plan/Passes.h"

namespace fathom {

/// Checks that the items of `function` are those of its op, and that each reads and writes rows of its own, or all.
mlir::LogicalResult verifyGeneratedBody(mlir::func::FuncOp function);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_GENERATEDROWS_H

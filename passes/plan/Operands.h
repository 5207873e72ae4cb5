// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels and functions of a plan are given, against what they take.

#ifndef FATHOM_PASSES_PLAN_OPERANDS_H
#define FATHOM_PASSES_PLAN_OPERANDS_H

#include "passes/plan/Passes.h"

namespace fathom {

/// Checks operands of dispatches and calls of a plan whose kernels and weights are verified: types, shapes and numbers
/// of rows, since code reads and writes as many without a look at what it was given. Reports the first that does not
/// fit.
mlir::LogicalResult verifyOperands(mlir::ModuleOp module);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_OPERANDS_H

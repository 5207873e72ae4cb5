// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What can be planned.

#ifndef PASSES_PLAN_PLANINPUT_H
#define PASSES_PLAN_PLANINPUT_H

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fathom {

class PlanModule;

/// Checks what planning relies on, and reports at the op in the way: signatures and kernels; a place in memory for
/// every operand of an op; rows that are counted; calls of layers whose weights are there.
mlir::LogicalResult verifyPlanInput(PlanModule &module, mlir::func::FuncOp function);

/// How many rows a result of `op` has: what a ComputeOp says, those of the first operand for any other op.
deepseek::RowRule getResultRows(mlir::OpResult result);

} // namespace fathom

#endif // PASSES_PLAN_PLANINPUT_H

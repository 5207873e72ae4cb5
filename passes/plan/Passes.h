// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes and pipeline of the plan phase.

#ifndef FATHOM_PASSES_PLAN_PASSES_H
#define FATHOM_PASSES_PLAN_PASSES_H

#include "dialects/plan/Plan.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fathom {

#define GEN_PASS_DECL
#include "passes/plan/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/plan/Passes.h.inc"

/// The plan phase, in order.
void addPlanPipeline(mlir::OpPassManager &manager);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_PASSES_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions around ops that no kernel runs.

#ifndef FATHOM_PASSES_PLAN_GENERATEDBODIES_H
#define FATHOM_PASSES_PLAN_GENERATEDBODIES_H

#include "passes/plan/Passes.h"

namespace fathom {

/// Makes the functions of one module.
class GeneratedBodies {
public:
  explicit GeneratedBodies(mlir::ModuleOp module) : module(module) {}

  /// Puts a copy of `op` into a function and calls that at the insertion point of `builder`, with `call` and, for
  /// tensors and indices, what `getArgument` says. The lower phase turns the body into loops. Reports operands that
  /// functions of a plan do not have.
  mlir::LogicalResult call(mlir::OpBuilder &builder, mlir::Operation *op, mlir::Value call,
                           llvm::function_ref<mlir::Value(mlir::Value)> getArgument);

private:
  mlir::ModuleOp module;
  int64_t count = 0;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_GENERATEDBODIES_H

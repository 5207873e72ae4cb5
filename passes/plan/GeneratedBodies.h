// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions around ops that no kernel runs.

#ifndef FATHOM_PASSES_PLAN_GENERATEDBODIES_H
#define FATHOM_PASSES_PLAN_GENERATEDBODIES_H

#include "passes/plan/Signatures.h"

namespace fathom {

/// The generated functions of one module.
class GeneratedBodies {
public:
  explicit GeneratedBodies(mlir::ModuleOp module) : module(module) {}

  /// Copies `op` into a function, on memory of an item, one for all ops that are alike, and dispatches that at the
  /// insertion point of `builder`. Reports what a plan has no memory for, and rows that are not those of the op.
  mlir::LogicalResult dispatch(mlir::OpBuilder &builder, mlir::Operation *op, const Signature &signature,
                               const Buffers &buffers, const mlir::IRMapping &indices);

private:
  /// The function that is there for what `function` does, which is erased then, or `function`.
  mlir::func::FuncOp unify(mlir::func::FuncOp function);

  mlir::ModuleOp module;
  llvm::SmallVector<mlir::func::FuncOp> functions;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_GENERATEDBODIES_H

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

  /// Moves `op` into a function of its own, on memory of an item, and dispatches that at the insertion point of
  /// `builder`. Reports what a plan has no memory for, and rows that are not those of the op.
  mlir::LogicalResult dispatch(mlir::OpBuilder &builder, mlir::Operation *op, const Signature &signature,
                               const Buffers &buffers, const mlir::IRMapping &indices);

private:
  mlir::ModuleOp module;
  unsigned count = 0;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_GENERATEDBODIES_H

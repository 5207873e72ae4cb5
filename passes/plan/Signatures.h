// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of entry points as functions of a plan.

#ifndef FATHOM_PASSES_PLAN_SIGNATURES_H
#define FATHOM_PASSES_PLAN_SIGNATURES_H

#include "passes/plan/Buffers.h"

#include "mlir/IR/IRMapping.h"

namespace fathom {

/// A function of a plan, without ops of its body.
struct Signature {
  mlir::func::FuncOp function;
  mlir::Value call;
  /// The rows of the call.
  RowCount rows;
  /// The layer that it runs, and the layer's number among those that share the function; null for an entry point.
  mlir::Value layer;
  mlir::Value instance;
  /// Where arguments of the original and its results are.
  Places places;

  bool isEntry() const { return !layer; }
  /// A layer for what reads no store, as an entry point's own ops do not.
  mlir::Value getAnyLayer(mlir::OpBuilder &builder, mlir::Location loc) const {
    return isEntry() ? mlir::Value(mlir::arith::ConstantIndexOp::create(builder, loc, 0)) : layer;
  }
};

/// Makes the function that `function`, an entry point or a layer, becomes; at most `mostRows` rows are in a call. Moves
/// `builder` to the start of its body. Reports results that have no memory of their own.
mlir::FailureOr<Signature> createSignature(mlir::func::FuncOp function, int64_t mostRows, mlir::OpBuilder &builder);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_SIGNATURES_H

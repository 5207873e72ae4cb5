// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs as they stand: passes and pipeline.

#ifndef FATHOM_PASSES_FUNCTIONS_PASSES_H
#define FATHOM_PASSES_FUNCTIONS_PASSES_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace fathom {

#define GEN_PASS_DECL
#include "passes/functions/Passes.h.inc"

/// On an argument or result of a function that is memory by now: the type of its tensor, with signs and names of sizes.
constexpr llvm::StringLiteral kTensorTypeAttr = "fathom.tensor";

/// From a graph as its exporter wrote it to structured ops.
void addDecomposePipeline(mlir::OpPassManager &manager);
/// From those to functions of the LLVM dialect.
void addLowerFunctionsPipeline(mlir::OpPassManager &manager);

#define GEN_PASS_REGISTRATION
#include "passes/functions/Passes.h.inc"

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_PASSES_H

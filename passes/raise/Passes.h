// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The raise phase: its passes and its pipeline.

#ifndef FATHOM_PASSES_RAISE_PASSES_H
#define FATHOM_PASSES_RAISE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace fathom {

#define GEN_PASS_DECL
#include "passes/raise/Passes.h.inc"

struct RaisePipelineOptions : mlir::PassPipelineOptions<RaisePipelineOptions> {
  Option<int64_t> maxContext{*this, "max-context",
                             llvm::cl::desc("positions to serve; 0: as there are tables for, 4096 at most"),
                             llvm::cl::init(0)};
  Option<std::string> cacheType{*this, "cache-type", llvm::cl::desc("what stores keep numbers as: f32, bf16 or fp8"),
                                llvm::cl::init("f32")};
  Option<std::string> folder{*this, "folder", llvm::cl::desc("where the files of the module are"), llvm::cl::init("")};
};

/// From a graph as its exporter wrote it to a model of the deepseek dialect.
void addRaisePipeline(mlir::OpPassManager &manager, const RaisePipelineOptions &options);

#define GEN_PASS_REGISTRATION
#include "passes/raise/Passes.h.inc"

} // namespace fathom

#endif // FATHOM_PASSES_RAISE_PASSES_H

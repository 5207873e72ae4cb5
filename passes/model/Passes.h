// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes and pipeline of the model phase.

#ifndef FATHOM_PASSES_MODEL_PASSES_H
#define FATHOM_PASSES_MODEL_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fathom {

#define GEN_PASS_DECL
#include "passes/model/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/model/Passes.h.inc"

struct ModelPipelineOptions : mlir::PassPipelineOptions<ModelPipelineOptions> {
  Option<int64_t> prefillRows{*this, "prefill-rows",
                              llvm::cl::desc("most tokens in one call of prefill; 0: as suits experts"),
                              llvm::cl::init(0)};
  Option<int64_t> decodeRows{*this, "decode-rows", llvm::cl::desc("most sequences in one call of decode"),
                             llvm::cl::init(16)};
  Option<bool> rewriteWeights{*this, "rewrite-weights",
                              llvm::cl::desc("let passes ask for weights in another form than the checkpoint's"),
                              llvm::cl::init(true)};
  Option<std::string> weightType{*this, "weight-type",
                                 llvm::cl::desc("what weights of products become, for all and by role: q8,head=keep"),
                                 llvm::cl::init("keep")};
};

/// The model phase, in order.
void addModelPipeline(mlir::OpPassManager &manager, const ModelPipelineOptions &options);

} // namespace fathom

#endif // FATHOM_PASSES_MODEL_PASSES_H

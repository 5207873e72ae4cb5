// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The fuse phase, in order.

#include "passes/fuse/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace fathom {

void addFusePipeline(mlir::OpPassManager &manager, const FusePipelineOptions &options) {
  manager.addPass(createAttachTarget({options.arch, options.tune, options.packWeights, options.activation}));
  // Before activations have types, so that those of prompts have the types of others in the space of latents.
  if (options.kernels) {
    manager.addPass(createAbsorbAttention());
  }
  manager.addPass(createAssignActivationTypes());
  manager.addPass(createQuantizeActivations({options.kernels}));
  manager.addPass(createFuseRopeCacheWrite());
  // Before epilogues: a sum that a norm follows is cheaper in the norm, which reads it anyway.
  manager.addPass(createFuseResidualNorm());
  manager.addPass(createFuseEpilogues());
  if (options.kernels) {
    manager.addPass(createAddArgmax());
    manager.addPass(createSplitAttention());
    manager.addPass(createSelectKernels());
  }
  manager.addPass(createPackWeights());
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createVerifyFuseOutput());
}

} // namespace fathom

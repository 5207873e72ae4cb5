// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All passes and pipelines by name.

#include "passes/RegisterPasses.h"

#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/plan/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace fathom {

void registerPasses() {
  registerModelPasses();
  registerFusePasses();
  registerPlanPasses();
  registerLowerPasses();
  mlir::PassPipelineRegistration<ModelPipelineOptions>(
      "fathom-model-pipeline", "the model phase: from the graph as imported to the graph as it runs", addModelPipeline);
  mlir::PassPipelineRegistration<FusePipelineOptions>(
      "fathom-fuse-pipeline", "the fuse phase: fewer, larger ops and the kernels that run them", addFusePipeline);
  mlir::PassPipelineRegistration<>("fathom-plan-pipeline", "the plan phase: from tensors to buffers and dispatches",
                                   addPlanPipeline);
  mlir::PassPipelineRegistration<>("fathom-lower-pipeline", "the lower phase: from plans to the LLVM dialect",
                                   addLowerPipeline);
}

} // namespace fathom

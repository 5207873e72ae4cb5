// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All passes and pipelines by name.

#include "passes/RegisterPasses.h"

#include "passes/functions/Passes.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/raise/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringMap.h"

using mlir::OpPassManager;

namespace fathom {

void addContract(OpPassManager &manager, llvm::StringRef phase) {
  if (phase == "model" || phase == "fuse") {
    manager.addPass(createVerifyModelOutput());
  }
  if (phase == "fuse") {
    manager.addPass(createVerifyFuseOutput());
  } else if (phase == "plan") {
    manager.addPass(createVerifyPlanOutput());
  }
}

// Who runs a phase by name may give it any module: what the phases before promise is checked first.

static void addCheckedFusePipeline(OpPassManager &manager, const FusePipelineOptions &options) {
  addContract(manager, "model");
  addFusePipeline(manager, options);
}

static void addCheckedPlanPipeline(OpPassManager &manager) {
  addContract(manager, "fuse");
  addPlanPipeline(manager);
}

static void addCheckedLowerPipeline(OpPassManager &manager) {
  addContract(manager, "plan");
  addLowerPipeline(manager);
}

void registerPasses() {
  registerRaisePasses();
  registerModelPasses();
  registerFusePasses();
  registerPlanPasses();
  registerLowerPasses();
  registerFunctionsPasses();
  mlir::PassPipelineRegistration<RaisePipelineOptions>(
      "fathom-raise-pipeline", "the raise phase: from a graph as its exporter wrote it to a model", addRaisePipeline);
  mlir::PassPipelineRegistration<ModelPipelineOptions>(
      "fathom-model-pipeline", "the model phase: from the graph as imported to the graph as it runs", addModelPipeline);
  mlir::PassPipelineRegistration<FusePipelineOptions>("fathom-fuse-pipeline",
                                                      "the fuse phase: fewer, larger ops and the kernels that run them",
                                                      addCheckedFusePipeline);
  mlir::PassPipelineRegistration<>("fathom-plan-pipeline", "the plan phase: from tensors to buffers and dispatches",
                                   addCheckedPlanPipeline);
  mlir::PassPipelineRegistration<>("fathom-lower-pipeline", "the lower phase: from plans to the LLVM dialect",
                                   addCheckedLowerPipeline);
  mlir::PassPipelineRegistration<>("fathom-functions-pipeline",
                                   "graphs as they stand: from nodes to functions of the LLVM dialect",
                                   [](OpPassManager &manager) {
                                     addDecomposePipeline(manager);
                                     addLowerFunctionsPipeline(manager);
                                   });
}

double getNumericContract(llvm::StringRef flag, bool rounds) {
  static const llvm::StringMap<std::pair<double, double>> contracts = {
#define CONTRACT(flag, tolerance, rounded) {flag, {tolerance, rounded}},
#include "passes/NumericContracts.inc"
#undef CONTRACT
  };
  auto contract = contracts.find(flag);
  if (contract == contracts.end()) {
    return 1e-6;
  }
  return rounds ? contract->second.second : contract->second.first;
}

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan phase, in order.

#include "passes/plan/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace fathom {

void addPlanPipeline(mlir::OpPassManager &manager) {
  manager.addPass(createConvertDeepSeekToPlan());
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(mlir::createCSEPass());
  // Before buffers: where they lie makes commands wait.
  manager.addPass(createOrderCommands());
  manager.addPass(createPlanBuffers());
  manager.addPass(createVerifyPlanOutput());
}

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lower phase, in order.

#include "passes/lower/Passes.h"

#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace fathom {

void addLowerPipeline(mlir::OpPassManager &manager) {
  // What plans have no kernel for: from functions of `deepseek` ops to loops on memory.
  manager.addPass(createConvertDeepSeekToStructured());
  manager.addPass(createConvertStructuredToLoops());
  manager.addPass(createConvertPlanToLLVM());
  manager.addPass(mlir::createReconcileUnrealizedCastsPass());
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(mlir::createCSEPass());
}

} // namespace fathom

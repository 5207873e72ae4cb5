// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a graph to the LLVM dialect, in order.

#include "passes/functions/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace fathom {

void addDecomposePipeline(mlir::OpPassManager &manager) {
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createConvertOnnxToStructured());
  // Not canonicalized: that reorders what loops carry, which bufferization then refuses.
  manager.addPass(mlir::createCSEPass());
}

void addLowerFunctionsPipeline(mlir::OpPassManager &manager) {
  manager.addPass(createConvertFunctionsToLLVM());
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(mlir::createCSEPass());
}

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From generated functions of `deepseek` ops to loops.

#include "passes/lower/Passes.h"

#include "mlir/Pass/PassManager.h"

namespace fathom {

void addStructuredToLoops(mlir::OpPassManager &manager) {
  manager.addPass(createConvertDeepSeekToStructured());
  manager.addPass(createConvertStructuredToLoops());
}

} // namespace fathom

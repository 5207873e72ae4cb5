// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses kernels from the catalog.

#include "passes/fuse/Passes.h"

#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SELECTKERNELS
#include "passes/fuse/Passes.h.inc"

namespace {
struct SelectKernels : impl::SelectKernelsBase<SelectKernels> {
  void runOnOperation() override {
    FailureOr<deepseek::TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    getOperation().walk([&](Operation *op) {
      if (const kernels::Kernel *kernel = findKernel(op, *target)) {
        op->setAttr(deepseek::kKernelAttr, StringAttr::get(op->getContext(), kernel->symbol));
      }
    });
  }
};
} // namespace

} // namespace fathom

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
  using Base::Base;

  void runOnOperation() override {
    if (!kernels::findArch(arch.getValue())) {
      InFlightDiagnostic error = emitError(getOperation().getLoc()) << "expects an arch that has kernels, one of ";
      llvm::interleaveComma(kernels::archs(), error,
                            [&](const kernels::Arch &known) { error << StringRef(known.name); });
      error << ", but got '" << arch << "'";
      return signalPassFailure();
    }
    getOperation().walk([&](Operation *op) {
      if (const kernels::Kernel *kernel = findKernel(op, arch.getValue(), packWeights)) {
        op->setAttr(deepseek::kKernelAttr, StringAttr::get(op->getContext(), kernel->symbol));
      }
    });
  }
};

} // namespace
} // namespace fathom

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
    SmallPtrSet<const kernels::Kernel *, 4> unfit;
    getOperation().walk([&](Operation *op) {
      if (const kernels::Kernel *kernel = findKernel(op, *target)) {
        op->setAttr(deepseek::kKernelAttr, StringAttr::get(op->getContext(), kernel->symbol));
      } else if (std::optional<SharedMemoryNeed> need = findSharedMemoryNeed(op, *target)) {
        // Once for each kernel: layers are alike.
        if (unfit.insert(need->kernel).second) {
          warnOf(*need, op, *target);
        }
      }
    });
  }

  static void warnOf(const SharedMemoryNeed &need, Operation *op, deepseek::TargetAttr target) {
    op->emitWarning() << op->getName() << " runs as generated code, which is slow: kernel '"
                      << StringRef(need.kernel->symbol) << "' needs " << need.needed
                      << " bytes of shared memory for these shapes, but " << target.getArch() << " has " << need.there;
  }
};
} // namespace

} // namespace fathom

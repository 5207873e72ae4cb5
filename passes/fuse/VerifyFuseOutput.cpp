// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the fuse phase.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYFUSEOUTPUT
#include "passes/fuse/Passes.h.inc"

namespace {

static bool readsPanels(Operation *op) {
  return llvm::any_of(op->getOperands(), [](Value value) {
    auto get = value.getDefiningOp<deepseek::GetWeightOp>();
    return get && get.getWeight().ends_with(".panels");
  });
}

struct VerifyFuseOutput : impl::VerifyFuseOutputBase<VerifyFuseOutput> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      auto name = op->getAttrOfType<StringAttr>(deepseek::kKernelAttr);
      const kernels::Kernel *kernel = name ? kernels::findKernel(name.getValue()) : nullptr;
      if (name && !kernel) {
        op->emitOpError("expects a kernel of the catalog, but got ") << name;
        return WalkResult::interrupt();
      }
      bool packed = kernel && StringRef(kernel->layout) == "packed";
      if (readsPanels(op) && !packed) {
        op->emitOpError("expects a kernel that reads panels, but got ") << (name ? name.getValue() : "none");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted()) {
      signalPassFailure();
    }
  }
};

} // namespace
} // namespace fathom

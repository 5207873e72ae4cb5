// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the fuse phase.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/Phase.h"
#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYFUSEOUTPUT
#include "passes/fuse/Passes.h.inc"

namespace {

struct VerifyFuseOutput : impl::VerifyFuseOutputBase<VerifyFuseOutput> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk(
        [](Operation *op) { return failed(verifyKernel(op)) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (result.wasInterrupted() || failed(getTarget(getOperation()))) {
      return signalPassFailure();
    }
    deepseek::markPhase(getOperation(), "fuse");
  }
};

} // namespace
} // namespace fathom

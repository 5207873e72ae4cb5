// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the plan phase.

#include "passes/plan/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYPLANOUTPUT
#include "passes/plan/Passes.h.inc"

namespace {

static bool isGenerated(func::FuncOp function) { return function.getName().starts_with("generated_"); }

struct VerifyPlanOutput : impl::VerifyPlanOutputBase<VerifyPlanOutput> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      WalkResult result = function.walk([&](Operation *op) {
        auto buffer = dyn_cast<plan::BufferOp>(op);
        if (buffer && !buffer.getOffset()) {
          buffer.emitOpError("expects an offset after the plan phase");
          return WalkResult::interrupt();
        }
        if (isa_and_nonnull<deepseek::DeepSeekDialect>(op->getDialect()) && !isGenerated(function)) {
          op->emitOpError("is not expected outside generated functions after the plan phase");
          return WalkResult::interrupt();
        }
        return WalkResult::advance();
      });
      if (result.wasInterrupted()) {
        return signalPassFailure();
      }
    }
  }
};

} // namespace
} // namespace fathom

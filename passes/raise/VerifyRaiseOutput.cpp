// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the raise phase.

#include "passes/raise/Passes.h"

#include "dialects/deepseek/Phase.h"
#include "dialects/onnx/Onnx.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYRAISEOUTPUT
#include "passes/raise/Passes.h.inc"

namespace {
struct VerifyRaiseOutput : impl::VerifyRaiseOutputBase<VerifyRaiseOutput> {
  void runOnOperation() override {
    bool valid = getOperation().lookupSymbol<func::FuncOp>("forward") != nullptr;
    if (!valid) {
      emitError(getOperation().getLoc(), "expects a function @forward after the raise phase");
    }
    getOperation().walk([&](Operation *op) {
      if (isa<onnx::OnnxDialect>(op->getDialect())) {
        op->emitOpError("is not expected after the raise phase");
        valid = false;
      }
    });
    if (!valid) {
      return signalPassFailure();
    }
    deepseek::markPhase(getOperation(), "deepseek");
  }
};
} // namespace

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compute ops of the `deepseek` dialect to structured ops.

#include "passes/lower/Decompose.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTDEEPSEEKTOSTRUCTURED
#include "passes/lower/Passes.h.inc"

void populateDecompositions(RewritePatternSet &patterns) {
  populateBasicDecompositions(patterns);
  populateLinearDecompositions(patterns);
  populateGateDecompositions(patterns);
  populateMoEDecompositions(patterns);
  populateAttentionDecompositions(patterns);
}

namespace {

struct ConvertDeepSeekToStructured : impl::ConvertDeepSeekToStructuredBase<ConvertDeepSeekToStructured> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateDecompositions(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (failed(applyPatternsGreedily(function, patterns)) || failed(verify(function))) {
        signalPassFailure();
      }
    }
  }

  /// A generated function holds nothing of the dialect any more.
  static LogicalResult verify(func::FuncOp function) {
    bool generated = llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<plan::TaskType>);
    LogicalResult result = success();
    function.walk([&](Operation *op) {
      if (generated && isa<deepseek::DeepSeekDialect>(op->getDialect())) {
        op->emitOpError("has no decomposition");
        result = failure();
      }
    });
    return result;
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
} // namespace fathom

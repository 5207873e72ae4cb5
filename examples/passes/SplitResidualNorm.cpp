// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pass outside the tree: takes a residual sum and its norm apart again.

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace fathom;

namespace {
/// add_rms_norm(x, r) becomes s = x + r, rms_norm(s).
struct Split : OpRewritePattern<deepseek::AddRmsNormOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(deepseek::AddRmsNormOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value sum = arith::AddFOp::create(rewriter, loc, op.getInput(), op.getResidual());
    Value norm = deepseek::RmsNormOp::create(rewriter, loc, sum.getType(), sum, op.getWeight(), op.getEps());
    rewriter.replaceOp(op, {sum, norm});
    return success();
  }
};

struct SplitResidualNorm : PassWrapper<SplitResidualNorm, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitResidualNorm)

  StringRef getArgument() const final { return "split-residual-norm"; }
  StringRef getDescription() const final { return "a residual sum and its norm as two ops"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<arith::ArithDialect>(); }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Split>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      signalPassFailure();
    }
  }
};
} // namespace

extern "C" ::mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "SplitResidualNorm", "0", [] { PassRegistration<SplitResidualNorm>(); }};
}

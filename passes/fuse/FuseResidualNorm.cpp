// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Residual sum and norm in one op.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSERESIDUALNORM
#include "passes/fuse/Passes.h.inc"

static void fuse(deepseek::RmsNormOp norm, arith::AddFOp sum) {
  OpBuilder builder(norm);
  Location loc = builder.getFusedLoc({sum.getLoc(), norm.getLoc()});
  auto fused = deepseek::AddRmsNormOp::create(builder, loc, sum.getType(), norm.getType(), sum.getLhs(), sum.getRhs(),
                                              norm.getWeight(), norm.getEps());
  sum.replaceAllUsesWith(fused.getSum());
  norm.replaceAllUsesWith(fused.getResult());
  norm.erase();
  sum.erase();
}

/// The sum that `norm` reads, if nothing else reads it before the norm does.
static arith::AddFOp findSum(deepseek::RmsNormOp norm) {
  auto sum = norm.getInput().getDefiningOp<arith::AddFOp>();
  if (!sum || sum->getBlock() != norm->getBlock() || !norm.hasOneGroup()) {
    return arith::AddFOp();
  }
  bool first = llvm::all_of(sum->getUsers(), [&](Operation *user) {
    return user == norm || (user->getBlock() == norm->getBlock() && norm->isBeforeInBlock(user));
  });
  return first ? sum : arith::AddFOp();
}

namespace {
struct FuseResidualNorm : impl::FuseResidualNormBase<FuseResidualNorm> {
  void runOnOperation() override {
    SmallVector<deepseek::RmsNormOp> norms;
    getOperation().walk([&](deepseek::RmsNormOp op) { norms.push_back(op); });
    for (deepseek::RmsNormOp norm : norms) {
      if (arith::AddFOp sum = findSum(norm)) {
        fuse(norm, sum);
        ++fused;
      }
    }
  }
};
} // namespace

} // namespace fathom

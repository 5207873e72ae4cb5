// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One product for gate_proj, up_proj and their SwiGLU.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSEGATEUP
#include "passes/model/Passes.h.inc"

using namespace deepseek;

/// What comes between sum and SwiGLU has no place in the fused op.
static bool isBare(LinearOp linear) { return !linear.getBias() && linear.getEpilogue().empty(); }

static bool canFuse(LinearOp gate, LinearOp up) {
  return gate && up && gate != up && gate.getInput() == up.getInput() && gate->hasOneUse() && up->hasOneUse() &&
         isBare(gate) && isBare(up) && canCombine(gate.getPackableWeight(), up.getPackableWeight());
}

namespace {
struct FuseGateUp : impl::FuseGateUpBase<FuseGateUp> {
  void runOnOperation() override {
    SmallVector<SwiGluOp> candidates;
    getOperation().walk([&](SwiGluOp op) { candidates.push_back(op); });
    for (SwiGluOp op : candidates) {
      auto gate = op.getGate().getDefiningOp<LinearOp>();
      auto up = op.getUp().getDefiningOp<LinearOp>();
      if (canFuse(gate, up)) {
        fuse(op, gate, up);
        ++fused;
      }
    }
  }

  static void fuse(SwiGluOp op, LinearOp gate, LinearOp up) {
    OpBuilder builder(op);
    Location loc = builder.getFusedLoc({gate.getLoc(), up.getLoc(), op.getLoc()});
    ScaledWeight both = joinGateAndUp(builder, loc, gate.getPackableWeight(), up.getPackableWeight());
    op.replaceAllUsesWith(LinearSwiGluOp::create(builder, loc, op.getType(), gate.getInput(), both.weight, both.scale,
                                                 ValueRange(), both.block)
                              .getResult());
    op.erase();
    gate.erase();
    up.erase();
  }
};
} // namespace

} // namespace fathom

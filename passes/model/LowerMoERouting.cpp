// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts as token permutation and grouped products.

#include "passes/model/Passes.h"
#include "passes/support/OpForms.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_LOWERMOEROUTING
#include "passes/model/Passes.h.inc"

namespace {

using namespace deepseek;

struct LowerMoERouting : impl::LowerMoERoutingBase<LowerMoERouting> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<MoEExpertsOp> ops;
    getOperation().walk([&](MoEExpertsOp op) { ops.push_back(op); });
    for (MoEExpertsOp op : ops) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(createRoutedExperts(builder, op, fuseGateUp));
      op.erase();
    }
  }
};

} // namespace
} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts as token permutation and grouped products.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_LOWERMOEROUTING
#include "passes/model/Passes.h.inc"

namespace {

using namespace deepseek;

/// Lowers one moe_experts.
class RoutingLowering {
public:
  RoutingLowering(MoEExpertsOp op, bool fuseGateUp)
      : op(op), fuseGateUp(fuseGateUp), builder(op), loc(op.getLoc()),
        topK(cast<RankedTensorType>(op.getIds().getType()).getDimSize(1)) {}

  void run() {
    int64_t experts = cast<RankedTensorType>(op.getGate().getType()).getDimSize(0);
    auto slots = op.getIds().getType();
    permutation = MoEPermuteOp::create(builder, loc, ids({experts + 1}), ids({ShapedType::kDynamic}), slots,
                                       op.getIds(), experts);
    Value hidden = gateAndUp();
    Value outputs = linear(hidden, {op.getDown(), op.getDownScale(), op.getBlockAttr()}, /*gather=*/false);
    Value result = MoECombineOp::create(builder, loc, op.getType(), outputs, permutation.getSlots(), op.getWeights(),
                                        ValueRange());
    op.replaceAllUsesWith(result);
    op.erase();
  }

private:
  Value gateAndUp() {
    ScaledWeight gate = {op.getGate(), op.getGateScale(), op.getBlockAttr()};
    ScaledWeight up = {op.getUp(), op.getUpScale(), op.getBlockAttr()};
    if (!fuseGateUp || !canCombine(gate, up)) {
      Value gated = linear(op.getInput(), gate, /*gather=*/true);
      return SwiGluOp::create(builder, loc, gated.getType(), gated, linear(op.getInput(), up, /*gather=*/true));
    }
    ScaledWeight both = interleaveRows(builder, loc, gate, up);
    int64_t width = cast<RankedTensorType>(op.getGate().getType()).getDimSize(1);
    return MoELinearSwiGluOp::create(builder, loc, slotRows(width), op.getInput(), permutation.getOffsets(),
                                     permutation.getSourceRows(), both.weight, both.scale, both.block,
                                     /*gather=*/true, topK);
  }

  Value linear(Value input, const ScaledWeight &weight, bool gather) {
    int64_t width = cast<RankedTensorType>(weight.weight.getType()).getDimSize(1);
    return MoELinearOp::create(builder, loc, slotRows(width), input, permutation.getOffsets(),
                               permutation.getSourceRows(), weight.weight, weight.scale, weight.block, gather, topK);
  }

  RankedTensorType slotRows(int64_t width) {
    return RankedTensorType::get({ShapedType::kDynamic, width}, builder.getF32Type());
  }
  RankedTensorType ids(ArrayRef<int64_t> shape) { return RankedTensorType::get(shape, builder.getI32Type()); }

  MoEExpertsOp op;
  bool fuseGateUp;
  OpBuilder builder;
  Location loc;
  int64_t topK;
  MoEPermuteOp permutation;
};

struct LowerMoERouting : impl::LowerMoERoutingBase<LowerMoERouting> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<MoEExpertsOp> ops;
    getOperation().walk([&](MoEExpertsOp op) { ops.push_back(op); });
    for (MoEExpertsOp op : ops) {
      RoutingLowering(op, fuseGateUp).run();
    }
  }
};

} // namespace
} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lets products with weights of 8 bits read integers of 8 bits.

#include "passes/fuse/Passes.h"
#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

static bool multipliesIntegers(ComputeOp op) {
  ScaledWeight weight = op.getPackableWeight();
  return weight.weight && canMultiplyIntegers(getElementTypeOrSelf(weight.weight), weight.block);
}

namespace {
struct QuantizeActivations : impl::QuantizeActivationsBase<QuantizeActivations> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    Type activation = target->getActivation();
    if (!activation || !activation.isSignlessInteger(8)) {
      return;
    }
    SmallVector<ComputeOp> products;
    getOperation().walk([&](ComputeOp op) { multipliesIntegers(op) ? products.push_back(op) : void(); });
    llvm::for_each(products, [&](ComputeOp op) { quantizeInput(op, activation); });
    if (products.empty()) {
      stayF32(*target);
    }
  }

  void stayF32(TargetAttr target) {
    getOperation().emitWarning("activations stay f32: no product has weights of 8 bits in groups of ") << kScaleGroup;
    auto f32 = TargetAttr::get(&getContext(), target.getTriple(), target.getArch(), target.getTune(),
                               target.getLayout(), /*activation=*/Type());
    getOperation()->setAttr(kTargetAttr, f32);
  }

  /// Products have what they read first.
  void quantizeInput(ComputeOp op, Type integer) {
    OpBuilder builder(op);
    OpOperand &input = op->getOpOperand(0);
    auto rows = cast<RankedTensorType>(input.get().getType());
    input.set(QuantizeRowsOp::create(builder, op.getLoc(), packRows ? rows.clone(integer) : rows, input.get()));
    ++quantized;
  }
};
} // namespace

} // namespace fathom

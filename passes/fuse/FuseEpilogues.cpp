// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Biases and elementwise sums as epilogues.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSEEPILOGUES
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

/// The operand of `sum` to fold it into: the one computed last, so that the other is there in time.
static ComputeOp findProducer(arith::AddFOp sum) {
  Operation *last = nullptr;
  for (Value operand : sum->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (producer && producer->getBlock() == sum->getBlock() && (!last || last->isBeforeInBlock(producer))) {
      last = producer;
    }
  }
  auto producer = dyn_cast_or_null<ComputeOp>(last);
  bool canFuse = producer && producer.getEpilogueSlot() && last->hasOneUse() && sum.getLhs() != sum.getRhs();
  return canFuse ? producer : ComputeOp();
}

/// The epilogue's block, made as the identity if there is none yet.
static Block &getBlock(OpBuilder &builder, Region &region) {
  if (region.empty()) {
    Block &block = region.emplaceBlock();
    Value value = block.addArgument(builder.getF32Type(), region.getLoc());
    builder.setInsertionPointToStart(&block);
    YieldOp::create(builder, region.getLoc(), value);
  }
  return region.front();
}

static void fuse(arith::AddFOp sum, ComputeOp producer) {
  OpBuilder builder(sum);
  Value value = producer->getResult(0);
  bool first = sum.getLhs() == value;
  EpilogueSlot epilogue = *producer.getEpilogueSlot();
  epilogue.extras.append(first ? sum.getRhs() : sum.getLhs());
  Block &block = getBlock(builder, *epilogue.region);
  Value extra = block.addArgument(builder.getF32Type(), sum.getLoc());
  Operation *yield = block.getTerminator();
  Value inner = yield->getOperand(0);
  builder.setInsertionPoint(yield);
  yield->setOperand(0, arith::AddFOp::create(builder, sum.getLoc(), first ? inner : extra, first ? extra : inner));
  sum.replaceAllUsesWith(value);
  sum.erase();
}

/// Adds the bias before all else that the epilogue does.
static void fuseBias(LinearOp linear) {
  OpBuilder builder(linear);
  Block &block = getBlock(builder, linear.getEpilogue());
  linear.getExtrasMutable().append(linear.getBias());
  linear.getBiasMutable().clear();
  Value extra = block.addArgument(builder.getF32Type(), linear.getLoc());
  Value sum = block.getArgument(0);
  builder.setInsertionPointToStart(&block);
  auto biased = arith::AddFOp::create(builder, linear.getLoc(), sum, extra);
  sum.replaceAllUsesExcept(biased, biased);
}

namespace {
struct FuseEpilogues : impl::FuseEpiloguesBase<FuseEpilogues> {
  void runOnOperation() override {
    // Biases come before sums, as they do in the ops: another order of additions would be another number.
    getOperation().walk([&](LinearOp op) {
      if (op.getBias()) {
        fuseBias(op);
        ++fused;
      }
    });
    SmallVector<arith::AddFOp> sums;
    getOperation().walk([&](arith::AddFOp op) {
      if (isa<RankedTensorType>(op.getType())) {
        sums.push_back(op);
      }
    });
    for (arith::AddFOp sum : sums) {
      if (ComputeOp producer = findProducer(sum)) {
        fuse(sum, producer);
        ++fused;
      }
    }
  }
};
} // namespace

} // namespace fathom

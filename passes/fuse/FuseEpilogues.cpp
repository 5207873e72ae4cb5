// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise sums as epilogues.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSEEPILOGUES
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace deepseek;

static bool hasEpilogue(Operation *op) { return isa_and_nonnull<LinearOp, LinearSwiGluOp, MoECombineOp>(op); }

/// The operand of `sum` to fold it into: the one computed last, so that the other is there in time.
static Operation *findProducer(arith::AddFOp sum) {
  Operation *last = nullptr;
  for (Value operand : sum->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (producer && producer->getBlock() == sum->getBlock() && (!last || last->isBeforeInBlock(producer))) {
      last = producer;
    }
  }
  return hasEpilogue(last) && last->hasOneUse() && sum.getLhs() != sum.getRhs() ? last : nullptr;
}

/// The epilogue's block, made as the identity if there is none yet.
static Block &getEpilogue(OpBuilder &builder, Operation *op) {
  Region &region = op->getRegion(0);
  if (region.empty()) {
    Block &block = region.emplaceBlock();
    Value value = block.addArgument(builder.getF32Type(), op->getLoc());
    builder.setInsertionPointToStart(&block);
    YieldOp::create(builder, op->getLoc(), value);
  }
  return region.front();
}

static void addExtra(Operation *producer, Value extra) {
  TypeSwitch<Operation *>(producer).Case<LinearOp, LinearSwiGluOp, MoECombineOp>(
      [&](auto op) { op.getExtrasMutable().append(extra); });
}

static void fuse(arith::AddFOp sum, Operation *producer) {
  OpBuilder builder(sum);
  Value value = producer->getResult(0);
  bool first = sum.getLhs() == value;
  addExtra(producer, first ? sum.getRhs() : sum.getLhs());
  Block &block = getEpilogue(builder, producer);
  Value extra = block.addArgument(builder.getF32Type(), sum.getLoc());
  Operation *yield = block.getTerminator();
  Value inner = yield->getOperand(0);
  builder.setInsertionPoint(yield);
  yield->setOperand(0, arith::AddFOp::create(builder, sum.getLoc(), first ? inner : extra, first ? extra : inner));
  sum.replaceAllUsesWith(value);
  sum.erase();
}

struct FuseEpilogues : impl::FuseEpiloguesBase<FuseEpilogues> {
  void runOnOperation() override {
    SmallVector<arith::AddFOp> sums;
    getOperation().walk([&](arith::AddFOp op) {
      if (isa<RankedTensorType>(op.getType())) {
        sums.push_back(op);
      }
    });
    for (arith::AddFOp sum : sums) {
      if (Operation *producer = findProducer(sum)) {
        fuse(sum, producer);
        ++fused;
      }
    }
  }
};

} // namespace
} // namespace fathom

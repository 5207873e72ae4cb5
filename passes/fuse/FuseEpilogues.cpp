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

/// Of each op, how many others make what it takes, one after the other; then where it stands.
using Ranks = DenseMap<Operation *, std::pair<unsigned, unsigned>>;

static Ranks findRanks(ModuleOp module) {
  Ranks ranks;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    unsigned depth = 0;
    for (Value operand : op->getOperands()) {
      depth = std::max(depth, ranks.lookup(operand.getDefiningOp()).first + 1);
    }
    ranks[op] = {depth, ranks.size()};
  });
  return ranks;
}

/// The operand of `sum` to fold it into: the one that is there last, since the epilogue waits for the other.
static ComputeOp findProducer(arith::AddFOp sum, const Ranks &ranks) {
  Operation *lhs = sum.getLhs().getDefiningOp(), *rhs = sum.getRhs().getDefiningOp();
  auto producer = dyn_cast_or_null<ComputeOp>(ranks.lookup(lhs) < ranks.lookup(rhs) ? rhs : lhs);
  bool canFuse = producer && producer->getBlock() == sum->getBlock() && producer.getEpilogueSlot() &&
                 producer->hasOneUse() && lhs != rhs;
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
  producer->moveBefore(sum); // What it adds may come later than it did.
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
    const Ranks ranks = findRanks(getOperation());
    for (arith::AddFOp sum : sums) {
      if (ComputeOp producer = findProducer(sum, ranks)) {
        fuse(sum, producer);
        ++fused;
      }
    }
  }
};
} // namespace

} // namespace fathom

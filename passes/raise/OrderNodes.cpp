// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One order of nodes, whatever order a model lists them in.

#include "passes/raise/Passes.h"

#include "dialects/onnx/Onnx.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ORDERNODES
#include "passes/raise/Passes.h.inc"

/// The op of `block` that makes a value, or in whose graphs it is made; null where it is from around the block.
static Operation *findMaker(Value value, Block &block) {
  Operation *maker = value.getDefiningOp();
  return maker ? block.findAncestorOpInBlock(*maker) : nullptr;
}

/// What an op reads, its graphs included, in order.
static SmallVector<Operation *> getMakers(Operation *op, Block &block) {
  SetVector<Operation *> makers;
  op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      if (Operation *maker = findMaker(operand, block); maker && maker != op) {
        makers.insert(maker);
      }
    }
  });
  return makers.takeVector();
}

/// Ops in the order in which the terminator needs them, first operands first.
static SetVector<Operation *> orderOps(Block &block) {
  SetVector<Operation *> ordered;
  SmallVector<std::pair<Operation *, bool>> pending = {{block.getTerminator(), false}};
  while (!pending.empty()) {
    auto [op, isReady] = pending.pop_back_val();
    if (isReady) {
      ordered.insert(op);
    } else if (!ordered.contains(op)) {
      pending.push_back({op, true});
      SmallVector<Operation *> makers = getMakers(op, block);
      for (Operation *maker : llvm::reverse(makers)) {
        pending.push_back({maker, false});
      }
    }
  }
  return ordered;
}

static void orderBlock(Block &block) {
  SetVector<Operation *> ordered = orderOps(block);
  ordered.pop_back(); // the terminator stays behind what nobody needs
  for (Operation *op : llvm::reverse(ordered)) {
    op->moveBefore(&block, block.begin());
  }
}

namespace {
struct OrderNodes : impl::OrderNodesBase<OrderNodes> {
  void runOnOperation() override {
    getOperation().walk<WalkOrder::PreOrder>([](Operation *op) {
      for (Region &region : isa<func::FuncOp, onnx::NodeOp>(op) ? op->getRegions() : MutableArrayRef<Region>()) {
        llvm::for_each(region, orderBlock);
      }
    });
  }
};
} // namespace

} // namespace fathom

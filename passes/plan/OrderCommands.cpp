// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Commands in the order in which threads are to come to them.

#include "passes/plan/Passes.h"
#include "passes/support/Waits.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ORDERCOMMANDS
#include "passes/plan/Passes.h.inc"

/// Dispatches, calls and records; what has results is memory.
static bool isCommand(Operation &op) { return op.getNumResults() == 0 && !op.hasTrait<OpTrait::IsTerminator>(); }

/// For each op of a block, how many commands run before it, one after the other.
static SmallVector<unsigned> findLevels(Block &block) {
  SmallVector<unsigned> levels, ends;
  for (auto [op, waits] : llvm::zip_equal(block, findWaits(block))) {
    unsigned level = 0;
    for (unsigned earlier : waits.set_bits()) {
      level = std::max(level, ends[earlier]);
    }
    levels.push_back(level);
    ends.push_back(level + isCommand(op));
  }
  return levels;
}

static void orderCommands(Block &block) {
  std::multimap<unsigned, Operation *> commands; // Those of a level stay in their order.
  for (auto [op, level] : llvm::zip_equal(block, findLevels(block))) {
    if (isCommand(op)) {
      commands.emplace(level, &op);
    }
  }
  for (auto [level, op] : commands) {
    op->moveBefore(block.getTerminator());
  }
}

namespace {
struct OrderCommands : impl::OrderCommandsBase<OrderCommands> {
  void runOnOperation() override {
    getOperation().walk([](func::FuncOp function) {
      if (!function.isExternal()) {
        orderCommands(function.front());
      }
    });
  }
};
} // namespace

} // namespace fathom

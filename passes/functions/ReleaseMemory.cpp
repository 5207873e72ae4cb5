// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where memory of a call is used last.

#include "passes/functions/ReleaseMemory.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"

using namespace mlir;

namespace fathom {

/// The last op of the block of `allocation` that may use what it gives; null: the block gives it to others.
static Operation *findLastUse(memref::AllocOp allocation, const BufferViewFlowAnalysis &views) {
  Block *block = allocation->getBlock();
  Operation *last = allocation;
  for (Value view : views.resolve(allocation.getResult())) {
    for (Operation *user : view.getUsers()) {
      Operation *here = block->findAncestorOpInBlock(*user);
      if (!here || here == block->getTerminator()) {
        return nullptr;
      }
      last = last->isBeforeInBlock(here) ? here : last;
    }
  }
  return last;
}

void releaseMemory(func::FuncOp function) {
  BufferViewFlowAnalysis views(function);
  SmallVector<std::pair<memref::AllocOp, Operation *>> lastUses;
  function.walk([&](memref::AllocOp allocation) {
    if (Operation *last = findLastUse(allocation, views)) {
      lastUses.emplace_back(allocation, last);
    }
  });
  for (auto [allocation, last] : lastUses) {
    OpBuilder builder(function.getContext());
    builder.setInsertionPointAfter(last);
    memref::DeallocOp::create(builder, allocation.getLoc(), allocation);
  }
}

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a nest takes and gives.

#include "passes/functions/NestLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fathom {

void NestLowering::run() {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) { isa<cf::AssertOp, func::ReturnOp>(op) ? ops.push_back(op) : void(); });
  takeCaptured();
  for (Operation *op : ops) {
    builder.setInsertionPoint(op);
    auto assertion = dyn_cast<cf::AssertOp>(op);
    assertion ? check(assertion) : giveResults(cast<func::ReturnOp>(op));
  }
  function.setType(builder.getFunctionType({pointer, i64, i64}, pointer));
}

void NestLowering::takeCaptured() {
  Block &entry = function.front();
  unsigned count = entry.getNumArguments();
  builder.setInsertionPointToStart(&entry);
  captured = entry.addArgument(pointer, loc);
  for (unsigned range : {0, 1}) {
    Value bound = entry.addArgument(i64, loc);
    entry.getArgument(range).replaceAllUsesWith(
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), bound));
  }
  for (Value value : entry.getArguments().slice(3, count - 3)) {
    value.replaceAllUsesWith(loadCaptured(captured, next, value.getType()));
  }
  entry.eraseArguments(0, count);
}

void NestLowering::giveResults(func::ReturnOp op) {
  int64_t place = next;
  for (Value value : op.getOperands()) {
    storeCaptured(captured, place, value);
  }
  op->setOperands(none());
}

} // namespace fathom

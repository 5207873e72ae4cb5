// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many rows memory of a plan has, as far as that is known before a call.

#include "passes/plan/RowCounts.h"

#include "dialects/deepseek/DeepSeek.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

/// Rows are the first dimension, and the only one that is dynamic.
static std::optional<CountedRows> getRowsOfBuffer(plan::BufferOp op) {
  bool rows = op.getSizes().size() == 1 && cast<MemRefType>(op.getType()).isDynamicDim(0);
  return rows ? getCountedRows(op.getSizes().front()) : std::nullopt;
}

std::optional<CountedRows> getRowsOfMemory(Value memory) {
  if (auto argument = dyn_cast<BlockArgument>(memory)) {
    Operation *function = argument.getOwner()->getParentOp();
    return function->hasAttr(deepseek::kFormAttr) ? std::optional(CountedRows()) : std::nullopt;
  }
  return llvm::TypeSwitch<Operation *, std::optional<CountedRows>>(memory.getDefiningOp())
      .Case([](plan::BufferOp op) { return getRowsOfBuffer(op); })
      .Case([](plan::ArgumentOp op) { return std::optional(CountedRows{plan::findCallArray(op.getName())->rows}); })
      .Default(std::optional<CountedRows>());
}

std::string describe(const std::optional<CountedRows> &rows) {
  if (!rows) {
    return "an unknown number of rows";
  }
  bool logits = rows->which == plan::Rows::logit_rows;
  return std::to_string(rows->factor) + (rows->factor == 1 ? " row for each " : " rows for each ") +
         (logits ? "that wants logits" : "of the call");
}

} // namespace fathom

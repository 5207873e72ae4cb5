// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a generated function reads and writes, against what its op says.

#include "passes/plan/GeneratedRows.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

/// Whether an operand has rows, those of an item or all.
static bool hasRows(plan::OperandOp operand) {
  auto memory = dyn_cast<MemRefType>(operand.getType());
  return operand.getItem() || (memory && !memory.hasStaticShape());
}

/// The operand that a tensor of a generated function is, or columns of which it is; null: it is something else.
static plan::OperandOp getOperand(Value tensor) {
  auto read = tensor ? tensor.getDefiningOp<bufferization::ToTensorOp>() : bufferization::ToTensorOp();
  Value memory = read ? read.getBuffer() : Value();
  auto view = memory ? memory.getDefiningOp<memref::SubViewOp>() : memref::SubViewOp();
  memory = view ? view.getSource() : memory;
  return memory ? memory.getDefiningOp<plan::OperandOp>() : plan::OperandOp();
}

/// Loops over the rows of one operand read as many of all; only what an op picks rows of may have any number.
static LogicalResult verifyRowsOfInputs(deepseek::ComputeOp op) {
  for (Value input : op->getOperands()) {
    plan::OperandOp operand = getOperand(input);
    if (!operand || op.readsAllRows(input) || !hasRows(operand)) {
      continue;
    }
    bool known = operand.getFactor() && bool(operand.getItem()) == (op.getItemCount() == 0);
    if (!known) {
      return operand.emitOpError("expects as many rows of each operand of '") << op->getName() << "'";
    }
  }
  return success();
}

/// Loops write as many rows as their op computes: one for each row that it counts, or what it says of all.
static LogicalResult verifyRowsOfResult(deepseek::ComputeOp op, OpResult result) {
  bool ofItem = op.getItemCount() == 0;
  deepseek::RowRule rule = ofItem ? deepseek::RowRule{op.getRowsOperand()} : op.getResultRows(result.getResultNumber());
  plan::OperandOp counted = getOperand(rule.operand);
  for (Operation *user : result.getUsers()) {
    auto write = dyn_cast<bufferization::MaterializeInDestinationOp>(user);
    auto target = write ? write.getDest().getDefiningOp<plan::OperandOp>() : plan::OperandOp();
    if (!target || (rule.operand && !counted)) {
      return op.emitOpError("expects results that are written to operands of the dispatch");
    }
    int64_t expected = counted ? int64_t(counted.getFactor().value_or(0)) * rule.factor : 0;
    bool sameItem = bool(target.getItem()) == ofItem;
    if (hasRows(target) && (!sameItem || int64_t(target.getFactor().value_or(0)) != expected)) {
      return target.emitOpError("expects a factor of ")
             << expected << " for " << (ofItem ? "an item's rows" : "rows") << " that '" << op->getName() << "' writes";
    }
  }
  return success();
}

LogicalResult verifyGeneratedBody(func::FuncOp function) {
  WalkResult result = function.walk([&](deepseek::ComputeOp op) -> WalkResult {
    auto items = function->getAttrOfType<IntegerAttr>(plan::kItemsAttr);
    if ((items ? items.getInt() : 0) != op.getItemCount()) {
      return op.emitOpError("expects ") << op.getItemCount() << " as '" << plan::kItemsAttr << "' of its function";
    }
    bool valid = succeeded(verifyRowsOfInputs(op)) && llvm::all_of(op->getResults(), [&](OpResult result) {
                   return isa<deepseek::CacheType>(result.getType()) || succeeded(verifyRowsOfResult(op, result));
                 });
    return valid ? WalkResult::advance() : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of entry points as functions of a plan.

#include "passes/plan/Signatures.h"

#include "dialects/deepseek/DeepSeek.h"
#include "passes/support/EntryPoints.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Begins the function that `function` becomes, of that name and form.
static Signature begin(func::FuncOp function, ArrayRef<Type> inputs, int64_t mostRows, OpBuilder &builder) {
  auto type = builder.getFunctionType(inputs, {});
  auto planned = func::FuncOp::create(builder, function.getLoc(), function.getName(), type);
  planned->setAttr(kFormAttr, function->getAttr(kFormAttr));
  builder.setInsertionPointToStart(planned.addEntryBlock());
  Value call = planned.getArgument(0);
  Value rows = plan::RowsOp::create(builder, call.getLoc(), builder.getIndexType(), call, plan::Rows::rows);
  return {planned, call, {rows, mostRows}, Value(), Value(), Places()};
}

/// Finds `value` in the call's array of that name, if it has one.
static void placeArray(Signature &signature, Value value, StringRef name, OpBuilder &builder) {
  const plan::CallArray *array = plan::findCallArray(name);
  if (!array) {
    return;
  }
  RowCount count = signature.rows;
  if (array->rows != plan::Rows::rows) {
    count.rows = plan::RowsOp::create(builder, value.getLoc(), builder.getIndexType(), signature.call, array->rows);
  }
  Type memory = getMemRefType(value.getType());
  signature.places[value] = {plan::ArgumentOp::create(builder, value.getLoc(), memory, signature.call, name), count};
}

static void placeInputs(Signature &signature, func::FuncOp function, OpBuilder &builder) {
  for (BlockArgument argument : function.getArguments()) {
    placeArray(signature, argument, getInputName(argument), builder);
  }
}

/// func @prefill(%call: !plan.call)
static Signature createEntry(func::FuncOp function, int64_t mostRows, OpBuilder &builder) {
  Type call = plan::CallType::get(builder.getContext());
  Signature signature = begin(function, call, mostRows, builder);
  signature.function->setAttr(plan::kMaxRowsAttr, function->getAttr(kMaxRowsAttr));
  if (Attribute positions = function->getAttr(kMaxPositionsAttr)) {
    signature.function->setAttr(plan::kMaxPositionsAttr, positions);
  }
  placeInputs(signature, function, builder);
  for (OpOperand &result : function.front().getTerminator()->getOpOperands()) {
    placeArray(signature, result.get(), getOutputName(function, result.getOperandNumber()), builder);
  }
  return signature;
}

/// func @prefill.moe(%call, %input, %output, %layer, %instance)
static Signature createLayer(func::FuncOp function, int64_t mostRows, OpBuilder &builder) {
  Value input = getInput(function, kActivationInput), result = function.front().getTerminator()->getOperand(0);
  Type call = plan::CallType::get(builder.getContext()), index = builder.getIndexType();
  Type stream = getMemRefType(input.getType());
  Signature signature = begin(function, {call, stream, stream, index, index}, mostRows, builder);
  func::FuncOp planned = signature.function;
  planned.setPrivate();
  placeInputs(signature, function, builder);
  signature.places[input] = {planned.getArgument(plan::kInputParameter), signature.rows};
  signature.places[result] = {planned.getArgument(plan::kOutputParameter), signature.rows};
  signature.layer = planned.getArgument(plan::kLayerParameter);
  signature.instance = planned.getArgument(plan::kInstanceParameter);
  return signature;
}

/// Each result but the cache is written straight to memory of the caller.
static LogicalResult verifyResults(Operation *end) {
  llvm::SmallDenseSet<Value> results;
  for (Value result : end->getOperands().drop_back()) {
    if (!result.getDefiningOp() || isa<GetWeightOp, tensor::ExtractSliceOp>(result.getDefiningOp())) {
      return end->emitOpError("expects an activation that an op computes");
    }
    if (!results.insert(result).second) {
      return end->emitOpError("expects a value of its own as each result");
    }
  }
  return success();
}

FailureOr<Signature> createSignature(func::FuncOp function, int64_t mostRows, OpBuilder &builder) {
  if (failed(verifyResults(function.front().getTerminator()))) {
    return failure();
  }
  auto create = function->hasAttr(kMaxRowsAttr) ? createEntry : createLayer;
  return create(function, mostRows, builder);
}

} // namespace fathom

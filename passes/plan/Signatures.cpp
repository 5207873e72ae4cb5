// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of entry points as functions of a plan.

#include "passes/plan/Signatures.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

static Place createArgument(OpBuilder &builder, Value value, Value call, plan::Argument which, RowCount count) {
  return {plan::ArgumentOp::create(builder, value.getLoc(), getMemRefType(value.getType()), call, which), count};
}

static RowCount createRows(OpBuilder &builder, Value call, plan::Rows which, int64_t most) {
  return {plan::RowsOp::create(builder, call.getLoc(), builder.getIndexType(), call, which), most};
}

/// func @prefill(%call: !plan.call) -> i32
static Signature createEntry(func::FuncOp function, Value result, int64_t mostRows, OpBuilder &builder) {
  auto type = builder.getFunctionType(plan::CallType::get(builder.getContext()), builder.getI32Type());
  auto planned = func::FuncOp::create(builder, function.getLoc(), function.getName(), type);
  planned->setAttr(plan::kEntryAttr, function->getAttr(kEntryAttr));
  planned->setAttr(plan::kMaxRowsAttr, builder.getI64IntegerAttr(mostRows));
  builder.setInsertionPointToStart(planned.addEntryBlock());
  Value call = planned.getArgument(0);
  RowCount rows = createRows(builder, call, plan::Rows::rows, mostRows);
  Places places;
  auto place = [&](Value value, plan::Argument which, RowCount count) {
    places[value] = createArgument(builder, value, call, which, count);
  };
  place(function.getArgument(0), plan::Argument::tokens, rows);
  place(function.getArgument(1), plan::Argument::positions, rows);
  if (result) {
    RowCount logitRows = createRows(builder, call, plan::Rows::logit_rows, mostRows);
    place(function.getArgument(2), plan::Argument::logit_row_ids, logitRows);
    place(result, plan::Argument::logits, logitRows);
  }
  return {planned, call, rows, Value(), Value(), std::move(places)};
}

/// func @prefill.moe(%call, %input, %output, %layer, %instance)
static Signature createLayer(func::FuncOp function, Value result, int64_t mostRows, OpBuilder &builder) {
  Value input = function.getArgument(0), positions = function.getArgument(1);
  auto stream = getMemRefType(input.getType());
  Type index = builder.getIndexType();
  auto type = builder.getFunctionType({plan::CallType::get(builder.getContext()), stream, stream, index, index}, {});
  auto planned = func::FuncOp::create(builder, function.getLoc(), function.getName(), type);
  planned.setPrivate();
  planned->setAttr(kEntryAttr, function->getAttr(kEntryAttr));
  builder.setInsertionPointToStart(planned.addEntryBlock());
  Value call = planned.getArgument(0);
  RowCount rows = createRows(builder, call, plan::Rows::rows, mostRows);
  Places places;
  places[input] = {planned.getArgument(1), rows};
  places[positions] = createArgument(builder, positions, call, plan::Argument::positions, rows);
  places[result] = {planned.getArgument(2), rows};
  return {planned, call, rows, planned.getArgument(3), planned.getArgument(4), std::move(places)};
}

FailureOr<Signature> createSignature(func::FuncOp function, int64_t mostRows, OpBuilder &builder) {
  Operation *end = function.front().getTerminator();
  Value result = end->getOperand(0);
  if (isa<CacheType>(result.getType())) { // without the head
    return createEntry(function, Value(), mostRows, builder);
  }
  if (!result.getDefiningOp() || isa<GetWeightOp, tensor::ExtractSliceOp>(result.getDefiningOp())) {
    return end->emitOpError("expects an activation that an op computes");
  }
  auto create = function->hasAttr(kMaxRowsAttr) ? createEntry : createLayer;
  return create(function, result, mostRows, builder);
}

} // namespace fathom

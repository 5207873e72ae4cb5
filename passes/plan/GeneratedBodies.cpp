// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions around ops that no kernel runs.

#include "passes/plan/GeneratedBodies.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// What a body computes with, of a function's parameter of the type that `operand` has in a plan.
static Value fromParameter(OpBuilder &builder, Value operand, Value parameter) {
  if (operand.getType().isIndex()) {
    return parameter;
  }
  if (isa<MemRefType>(parameter.getType())) {
    return bufferization::ToTensorOp::create(builder, operand.getLoc(), operand.getType(), parameter,
                                             /*restrict=*/true);
  }
  // A table of experts, or the call as its cache.
  return UnrealizedConversionCastOp::create(builder, operand.getLoc(), operand.getType(), parameter).getResult(0);
}

static void writeResult(OpBuilder &builder, Value result, Value parameter) {
  auto write = bufferization::MaterializeInDestinationOp::create(builder, result.getLoc(), result, parameter);
  write.setRestrict(true);
  write.setWritable(true);
}

static func::FuncOp createFunction(ModuleOp module, Location loc, const Twine &name, ValueRange arguments) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function =
      func::FuncOp::create(builder, loc, name.str(), builder.getFunctionType(arguments.getTypes(), TypeRange()));
  function.setPrivate();
  function.addEntryBlock();
  return function;
}

/// Copies `op` into `function`, whose parameters are the call, then `operands` but for caches, then tensor results.
static void fillBody(func::FuncOp function, Operation *op, ArrayRef<Value> operands) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.front());
  IRMapping mapping;
  unsigned next = 1;
  for (Value operand : operands) {
    unsigned number = isa<CacheType>(operand.getType()) ? 0 : next++;
    mapping.map(operand, fromParameter(builder, operand, function.getArgument(number)));
  }
  Operation *copy = builder.clone(*op, mapping);
  // The lower phase makes loops of it; a kernel is what could not be used.
  copy->removeAttr(kKernelAttr);
  for (Value result : copy->getResults()) {
    if (!isa<CacheType>(result.getType())) {
      writeResult(builder, result, function.getArgument(next++));
    }
  }
  func::ReturnOp::create(builder, op->getLoc());
}

LogicalResult GeneratedBodies::call(OpBuilder &builder, Operation *op, Value call,
                                    function_ref<Value(Value)> getArgument) {
  SetVector<Value> operands(op->operand_begin(), op->operand_end()), captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  if (!captured.empty()) {
    return op->emitOpError("expects regions that use no values from outside");
  }
  SmallVector<Value> arguments = {call};
  auto append = [&](Value value) {
    if (!isa<CacheType>(value.getType())) {
      arguments.push_back(getArgument(value));
    }
    return bool(arguments.back());
  };
  for (Value operand : operands) {
    if (!append(operand)) {
      return op->emitOpError("expects tensors, caches and indices as operands, but got ") << operand.getType();
    }
  }
  llvm::for_each(op->getResults(), append);
  func::FuncOp function = createFunction(module, op->getLoc(), "generated_" + Twine(count++), arguments);
  fillBody(function, op, operands.getArrayRef());
  func::CallOp::create(builder, op->getLoc(), function, arguments);
  return success();
}

} // namespace fathom

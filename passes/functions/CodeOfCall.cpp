// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields, memory and messages of a call.

#include "passes/functions/CodeOfCall.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"

using namespace mlir;

namespace fathom {

CodeOfCall::CodeOfCall(func::FuncOp function, const LLVMTypeConverter &converter)
    : function(function), converter(converter), builder(function.getContext()), loc(function.getLoc()),
      pointer(LLVM::LLVMPointerType::get(function.getContext())), i64(builder.getI64Type()) {}

Value CodeOfCall::number(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(value));
}

Value CodeOfCall::none() { return LLVM::ZeroOp::create(builder, loc, pointer); }

Value CodeOfCall::address(Type type, Value array, int64_t index) {
  return LLVM::GEPOp::create(builder, loc, pointer, type, array, ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

Value CodeOfCall::loadElement(Type type, Value array, int64_t index) {
  return LLVM::LoadOp::create(builder, loc, type, address(type, array, index));
}

Value CodeOfCall::loadField(Value table, int64_t offset, Type type) {
  return LLVM::LoadOp::create(builder, loc, type, address(builder.getI8Type(), table, offset));
}

Value CodeOfCall::toDescriptor(Value memory) {
  return UnrealizedConversionCastOp::create(builder, loc, converter.convertType(memory.getType()), memory).getResult(0);
}

Value CodeOfCall::fromDescriptor(Value descriptor, MemRefType type) {
  return UnrealizedConversionCastOp::create(builder, loc, type, descriptor).getResult(0);
}

Value CodeOfCall::makeMemory(Value address, MemRefType type, ValueRange sizes) {
  auto memory = MemRefDescriptor::poison(builder, loc, converter.convertType(type));
  memory.setAllocatedPtr(builder, loc, address);
  memory.setAlignedPtr(builder, loc, address);
  memory.setConstantOffset(builder, loc, 0);
  Value stride = number(1);
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    memory.setSize(builder, loc, unsigned(i), sizes[i]);
    memory.setStride(builder, loc, unsigned(i), stride);
    stride = i > 0 ? Value(LLVM::MulOp::create(builder, loc, stride, sizes[i])) : stride;
  }
  return fromDescriptor(memory, type);
}

void CodeOfCall::check(cf::AssertOp op) { leaveUnless(op.getArg(), op, op.getMsg()); }

Value CodeOfCall::messageText(StringRef message) {
  auto module = function->getParentOfType<ModuleOp>();
  std::string name = (function.getName() + ".message." + Twine(leaving.size())).str();
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), message.size() + 1);
  OpBuilder global(module.getBodyRegion());
  LLVM::GlobalOp::create(global, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                         builder.getStringAttr(message + Twine('\0')));
  return LLVM::AddressOfOp::create(builder, loc, pointer, name);
}

void CodeOfCall::leaveFor(Value condition, Operation *op, Block *target, ValueRange arguments) {
  Block *block = op->getBlock(), *rest = block->splitBlock(op->getNextNode());
  builder.setInsertionPointToEnd(block);
  cf::CondBranchOp::create(builder, loc, condition, rest, ValueRange(), target, arguments);
  op->erase();
}

void CodeOfCall::leaveUnless(Value condition, Operation *op, StringRef message) {
  auto [known, isNew] = leaving.try_emplace(message, nullptr);
  if (isNew) {
    OpBuilder::InsertionGuard guard(builder);
    known->second = builder.createBlock(&function.getBody(), function.getBody().end());
    func::ReturnOp::create(builder, loc, messageText(message));
  }
  leaveFor(condition, op, known->second, {});
}

void CodeOfCall::leaveWith(Value message, Operation *op) {
  // No text is empty.
  Block *&block = leaving.try_emplace("", nullptr).first->second;
  if (!block) {
    OpBuilder::InsertionGuard guard(builder);
    block = builder.createBlock(&function.getBody(), function.getBody().end(), pointer, loc);
    func::ReturnOp::create(builder, loc, block->getArgument(0));
  }
  Value isFine = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, message, none());
  leaveFor(isFine, op, block, message);
}

} // namespace fathom

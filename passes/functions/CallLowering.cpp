// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function does with its call.

#include "passes/functions/CallLowering.h"

#include "fathom/kernel_abi.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cstddef>

using namespace mlir;

namespace fathom {

CallLowering::CallLowering(func::FuncOp function, const LLVMTypeConverter &converter)
    : function(function), converter(converter), builder(function.getContext()), loc(function.getLoc()),
      pointer(LLVM::LLVMPointerType::get(function.getContext())), i64(builder.getI64Type()) {}

void CallLowering::run() {
  builder.setInsertionPointToStart(&function.front());
  function.removeArgAttrsAttr();
  call = function.front().insertArgument(0u, pointer, loc);
  takeInputs();
  takeWeights();
  SmallVector<Operation *> ops;
  function.walk(
      [&](Operation *op) { isa<memref::AllocOp, cf::AssertOp, func::ReturnOp>(op) ? ops.push_back(op) : void(); });
  for (Operation *op : ops) {
    builder.setInsertionPoint(op);
    if (auto allocation = dyn_cast<memref::AllocOp>(op)) {
      allocate(allocation);
    } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
      check(assertion);
    } else {
      giveOutputs(cast<func::ReturnOp>(op));
    }
  }
  function.setType(builder.getFunctionType(pointer, pointer));
  function.removeResAttrsAttr();
}

Value CallLowering::number(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(value));
}

Value CallLowering::address(Type type, Value array, int64_t index) {
  return LLVM::GEPOp::create(builder, loc, pointer, type, array, ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

Value CallLowering::loadElement(Type type, Value array, int64_t index) {
  return LLVM::LoadOp::create(builder, loc, type, address(type, array, index));
}

Value CallLowering::loadField(int64_t offset, Type type) {
  return LLVM::LoadOp::create(builder, loc, type, address(builder.getI8Type(), call, offset));
}

/// Dense memory, row by row; `sizes` are all of them, as i64.
Value CallLowering::makeMemory(Value address, MemRefType type, ValueRange sizes) {
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
  return UnrealizedConversionCastOp::create(builder, loc, type, Value(memory)).getResult(0);
}

void CallLowering::takeInputs() {
  Block &entry = function.front();
  Value inputs = loadField(offsetof(fathom_function_call_t, inputs), pointer);
  Value sizes = loadField(offsetof(fathom_function_call_t, input_sizes), pointer);
  int64_t next = 0;
  for (auto [i, argument] : llvm::enumerate(entry.getArguments().drop_front())) {
    auto type = cast<MemRefType>(argument.getType());
    SmallVector<Value> own;
    for (int64_t axis = 0; axis < type.getRank(); ++axis, ++next) {
      own.push_back(type.isDynamicDim(unsigned(axis)) ? loadElement(i64, sizes, next)
                                                      : number(type.getDimSize(unsigned(axis))));
    }
    argument.replaceAllUsesWith(makeMemory(loadElement(pointer, inputs, int64_t(i)), type, own));
  }
  entry.eraseArguments(1, entry.getNumArguments() - 1);
}

/// The places of weights are in the call; numbers that the code has itself stay globals.
void CallLowering::takeWeights() {
  auto module = function->getParentOfType<ModuleOp>();
  llvm::StringMap<int64_t> numbers;
  for (auto [i, global] : llvm::enumerate(llvm::make_filter_range(
           module.getOps<memref::GlobalOp>(), [](memref::GlobalOp op) { return op.isExternal(); }))) {
    numbers[global.getSymName()] = int64_t(i);
  }
  Value weights = loadField(offsetof(fathom_function_call_t, weights), pointer);
  function.walk([&](memref::GetGlobalOp op) {
    auto found = numbers.find(op.getName());
    if (found != numbers.end()) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(op);
      SmallVector<Value> sizes =
          llvm::map_to_vector(op.getType().getShape(), [&](int64_t size) { return number(size); });
      op.replaceAllUsesWith(makeMemory(loadElement(pointer, weights, found->second), op.getType(), sizes));
      op.erase();
    }
  });
}

/// Memory of the call, of as many bytes as sizes come to; of none where that is not a number of 63 bits.
void CallLowering::allocate(memref::AllocOp op) {
  MemRefType type = op.getType();
  SmallVector<Value> sizes;
  auto open = op.getDynamicSizes().begin();
  Value bytes = number(type.getElementType().isIndex() ? 8 : (type.getElementTypeBitWidth() + 7) / 8);
  Value isOver = LLVM::ConstantOp::create(builder, loc, builder.getBoolAttr(false));
  auto checked = LLVM::LLVMStructType::getLiteral(builder.getContext(), {i64, builder.getI1Type()});
  for (int64_t size : type.getShape()) {
    bool isOpen = ShapedType::isDynamic(size);
    sizes.push_back(isOpen ? Value(arith::IndexCastOp::create(builder, loc, i64, *open++)) : number(size));
    Value product = LLVM::UMulWithOverflowOp::create(builder, loc, checked, bytes, sizes.back());
    bytes = LLVM::ExtractValueOp::create(builder, loc, product, 0);
    isOver = LLVM::OrOp::create(builder, loc, isOver, LLVM::ExtractValueOp::create(builder, loc, product, 1));
  }
  bytes = LLVM::SelectOp::create(builder, loc, isOver, number(-1), bytes);
  Value function = loadField(offsetof(fathom_function_call_t, allocate), pointer);
  auto callType = LLVM::LLVMFunctionType::get(pointer, {pointer, i64});
  Value memory = LLVM::CallOp::create(builder, loc, callType, ValueRange{function, call, bytes}).getResult();
  Value none = LLVM::ZeroOp::create(builder, loc, pointer);
  Value isThere = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, memory, none);
  op.replaceAllUsesWith(makeMemory(memory, type, sizes));
  leaveUnless(isThere, op, "not enough memory");
}

void CallLowering::check(cf::AssertOp op) { leaveUnless(op.getArg(), op, op.getMsg()); }

Value CallLowering::messageText(StringRef message) {
  auto module = function->getParentOfType<ModuleOp>();
  std::string name = "message." + std::to_string(leaving.size());
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), message.size() + 1);
  OpBuilder global(module.getBodyRegion());
  LLVM::GlobalOp::create(global, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                         builder.getStringAttr(message + Twine('\0')));
  return LLVM::AddressOfOp::create(builder, loc, pointer, name);
}

void CallLowering::leaveUnless(Value condition, Operation *op, StringRef message) {
  auto [known, isNew] = leaving.try_emplace(message, nullptr);
  if (isNew) {
    OpBuilder::InsertionGuard guard(builder);
    known->second = builder.createBlock(&function.getBody(), function.getBody().end());
    func::ReturnOp::create(builder, loc, messageText(message));
  }
  Block *block = op->getBlock(), *rest = block->splitBlock(op->getNextNode());
  builder.setInsertionPointToEnd(block);
  cf::CondBranchOp::create(builder, loc, condition, rest, known->second);
  op->erase();
}

void CallLowering::giveOutputs(func::ReturnOp op) {
  Value outputs = loadField(offsetof(fathom_function_call_t, outputs), pointer);
  Value sizes = loadField(offsetof(fathom_function_call_t, output_sizes), pointer);
  int64_t next = 0;
  for (auto [i, output] : llvm::enumerate(op.getOperands())) {
    auto type = cast<MemRefType>(output.getType());
    Type converted = converter.convertType(type);
    MemRefDescriptor memory(UnrealizedConversionCastOp::create(builder, loc, converted, output).getResult(0));
    LLVM::StoreOp::create(builder, loc, memory.alignedPtr(builder, loc), address(pointer, outputs, int64_t(i)));
    for (int64_t axis = 0; axis < type.getRank(); ++axis, ++next) {
      LLVM::StoreOp::create(builder, loc, memory.size(builder, loc, unsigned(axis)), address(i64, sizes, next));
    }
  }
  op->setOperands(LLVM::ZeroOp::create(builder, loc, pointer).getResult());
}

} // namespace fathom

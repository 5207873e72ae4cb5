// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function does with its call.

#include "passes/functions/CallLowering.h"

#include "fathom/function_abi.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cstddef>

using namespace mlir;

namespace fathom {

void CallLowering::run() {
  builder.setInsertionPointToStart(&function.front());
  function.removeArgAttrsAttr();
  call = function.front().insertArgument(0u, pointer, loc);
  takeInputs();
  takeWeights();
  auto size = LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(0));
  captured = LLVM::AllocaOp::create(builder, loc, pointer, i64, size);
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    isa<memref::AllocOp, memref::DeallocOp, cf::AssertOp, func::CallOp, func::ReturnOp>(op) ? ops.push_back(op)
                                                                                            : void();
  });
  for (Operation *op : ops) {
    builder.setInsertionPoint(op);
    lower(op);
  }
  size.setValueAttr(builder.getI64IntegerAttr(mostCaptured));
  function.setType(builder.getFunctionType(pointer, pointer));
  function.removeResAttrsAttr();
}

void CallLowering::lower(Operation *op) {
  if (auto allocation = dyn_cast<memref::AllocOp>(op)) {
    allocate(allocation);
  } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
    check(assertion);
  } else if (auto end = dyn_cast<memref::DeallocOp>(op)) {
    release(end);
  } else if (auto nest = dyn_cast<func::CallOp>(op)) {
    runNest(nest);
  } else {
    giveOutputs(cast<func::ReturnOp>(op));
  }
}

void CallLowering::takeInputs() {
  Block &entry = function.front();
  Value inputs = loadField(call, offsetof(fathom_function_call_t, inputs), pointer);
  Value sizes = loadField(call, offsetof(fathom_function_call_t, input_sizes), pointer);
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
  Value weights = loadField(call, offsetof(fathom_function_call_t, weights), pointer);
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
  Value allocates = loadField(call, offsetof(fathom_function_call_t, allocate), pointer);
  auto callType = LLVM::LLVMFunctionType::get(pointer, {pointer, i64});
  Value memory = LLVM::CallOp::create(builder, loc, callType, ValueRange{allocates, call, bytes}).getResult();
  Value isThere = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, memory, none());
  op.replaceAllUsesWith(makeMemory(memory, type, sizes));
  leaveUnless(isThere, op, "not enough memory");
}

void CallLowering::release(memref::DeallocOp op) {
  Value releases = loadField(call, offsetof(fathom_function_call_t, release), pointer);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer});
  MemRefDescriptor memory(toDescriptor(op.getMemref()));
  LLVM::CallOp::create(builder, loc, type, ValueRange{releases, call, memory.alignedPtr(builder, loc)});
  op.erase();
}

/// Calls of nests have how many items there are behind the first, and the work of each, before what is captured.
void CallLowering::runNest(func::CallOp op) {
  int64_t next = 0;
  for (Value value : op.getOperands().drop_front(3)) {
    storeCaptured(captured, next, value);
  }
  Value items = arith::IndexCastOp::create(builder, loc, i64, op.getOperand(1));
  Value work = arith::IndexCastOp::create(builder, loc, i64, op.getOperand(2));
  Value nest = LLVM::AddressOfOp::create(builder, loc, pointer, op.getCallee());
  Value runs = loadField(call, offsetof(fathom_function_call_t, run), pointer);
  auto type = LLVM::LLVMFunctionType::get(pointer, {pointer, pointer, pointer, i64, i64});
  Value message =
      LLVM::CallOp::create(builder, loc, type, ValueRange{runs, call, nest, captured, items, work}).getResult();
  for (Value result : op.getResults()) {
    OpBuilder::InsertionGuard guard(builder);
    result.replaceAllUsesWith(loadCaptured(captured, next, result.getType()));
  }
  mostCaptured = std::max(mostCaptured, next);
  leaveWith(message, op);
}

void CallLowering::giveOutputs(func::ReturnOp op) {
  Value outputs = loadField(call, offsetof(fathom_function_call_t, outputs), pointer);
  Value sizes = loadField(call, offsetof(fathom_function_call_t, output_sizes), pointer);
  int64_t next = 0;
  for (auto [i, output] : llvm::enumerate(op.getOperands())) {
    auto type = cast<MemRefType>(output.getType());
    MemRefDescriptor memory(toDescriptor(output));
    LLVM::StoreOp::create(builder, loc, memory.alignedPtr(builder, loc), address(pointer, outputs, int64_t(i)));
    for (int64_t axis = 0; axis < type.getRank(); ++axis, ++next) {
      LLVM::StoreOp::create(builder, loc, memory.size(builder, loc, unsigned(axis)), address(i64, sizes, next));
    }
  }
  op->setOperands(none());
}

} // namespace fathom

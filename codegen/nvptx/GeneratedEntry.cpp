// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A generated function's items on the threads of a grid.

#include "codegen/nvptx/EntryPoint.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IntrinsicsNVPTX.h"

using namespace llvm;

namespace fathom::codegen {

namespace {
/// The thread that runs, and how many the grid has.
struct GridThreads {
  Value *index, *count;
};
} // namespace

static Value *readRegister(IRBuilder<> &builder, Intrinsic::ID id) {
  return builder.CreateZExt(builder.CreateIntrinsic(id, {}), builder.getInt64Ty());
}

static GridThreads findThread(IRBuilder<> &builder) {
  Value *ofBlock = readRegister(builder, Intrinsic::nvvm_read_ptx_sreg_ntid_x);
  Value *block = readRegister(builder, Intrinsic::nvvm_read_ptx_sreg_ctaid_x);
  Value *blocks = readRegister(builder, Intrinsic::nvvm_read_ptx_sreg_nctaid_x);
  Value *inBlock = readRegister(builder, Intrinsic::nvvm_read_ptx_sreg_tid_x);
  return {builder.CreateAdd(builder.CreateMul(block, ofBlock), inBlock), builder.CreateMul(blocks, ofBlock)};
}

/// for (item = thread; item < items; item += threads).
static void runItems(IRBuilder<> &builder, const GridThreads &thread, Value *items,
                     function_ref<void(Value *item)> run) {
  BasicBlock *before = builder.GetInsertBlock();
  Function *entry = before->getParent();
  auto *head = BasicBlock::Create(entry->getContext(), "head", entry);
  auto *body = BasicBlock::Create(entry->getContext(), "item", entry);
  auto *end = BasicBlock::Create(entry->getContext(), "after", entry);
  builder.CreateBr(head);
  builder.SetInsertPoint(head);
  PHINode *item = builder.CreatePHI(builder.getInt64Ty(), 2);
  item->addIncoming(thread.index, before);
  builder.CreateCondBr(builder.CreateICmpSLT(item, items), body, end);
  builder.SetInsertPoint(body);
  run(item);
  item->addIncoming(builder.CreateAdd(item, thread.count), builder.GetInsertBlock());
  builder.CreateBr(head);
  builder.SetInsertPoint(end);
}

Expected<std::unique_ptr<Module>> buildGeneratedEntry(const ModelCode &code, const GeneratedKernel &kernel,
                                                      LLVMContext &context) {
  // Of all functions only those that the entry calls are linked, so only they are read.
  Expected<std::unique_ptr<Module>> functions = getLazyBitcodeModule({code.functions, "functions"}, context);
  if (!functions) {
    return functions;
  }
  auto module = std::make_unique<Module>(kernel.symbol, context);
  module->setDataLayout((*functions)->getDataLayout());
  module->setTargetTriple((*functions)->getTargetTriple());
  Type *i64 = Type::getInt64Ty(context), *pointer = PointerType::getUnqual(context);
  FunctionCallee count = module->getOrInsertFunction(getItemsName(kernel.symbol), i64, i64);
  FunctionCallee task =
      module->getOrInsertFunction(getTaskName(kernel.symbol), Type::getVoidTy(context), pointer, i64, pointer);
  addEntry(*module, kernel.symbol, kernel.operandCount, kGeneratedThreads,
           [&](IRBuilder<> &builder, const EntryValues &values) {
             GridThreads thread = findThread(builder);
             Value *offset = builder.CreateMul(thread.index, builder.getInt64(kernel.scratchBytes));
             Value *scratch = builder.CreateGEP(builder.getInt8Ty(), values.scratch, offset);
             Value *items = builder.CreateCall(count, {values.rows});
             runItems(builder, thread, items,
                      [&](Value *item) { builder.CreateCall(task, {values.dispatch, item, scratch}); });
           });
  if (Error error = linkFunctions(*module, std::move(*functions))) {
    return std::move(error);
  }
  inlineIntoEntry(*module, kernel.symbol);
  return module;
}

} // namespace fathom::codegen

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entries are built as IR, since only IR says all that PTX can about one.

#include "codegen/nvptx/EntryPoint.h"

#include "fathom/kernel_abi.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;

namespace fathom::codegen {

/// Parameters of every entry, before operands.
enum Parameter : unsigned { kStep, kCounted, kFactor, kLayer, kScratch, kFirstOperand };

namespace {
class EntryBuilder {
public:
  EntryBuilder(Module &module, const GeneratedKernel &kernel)
      : kernel(kernel), context(module.getContext()), module(module), builder(context), i64(builder.getInt64Ty()),
        pointer(builder.getPtrTy()) {}

  void build();

private:
  Function *createEntry();
  Function *declare(const std::string &name, Type *result, ArrayRef<Type *> parameters);
  Value *readRegister(Intrinsic::ID id) { return builder.CreateZExt(builder.CreateIntrinsic(id, {}), i64); }
  Value *advance(Value *base, uint64_t bytes) {
    return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), base, bytes);
  }
  Value *makeDispatch(Value *rows);
  void runItems(Value *rows);

  const GeneratedKernel &kernel;
  LLVMContext &context;
  Module &module;
  IRBuilder<> builder;
  Type *i64;
  Type *pointer;
  Function *entry = nullptr;
};
} // namespace

Function *EntryBuilder::createEntry() {
  SmallVector<Type *> types = {pointer, pointer, i64, i64, pointer};
  types.append(kernel.operandCount, pointer);
  auto *function = Function::Create(FunctionType::get(builder.getVoidTy(), types, /*isVarArg=*/false),
                                    GlobalValue::ExternalLinkage, kernel.symbol, module);
  function->setCallingConv(CallingConv::PTX_Kernel);
  function->addFnAttr("nvvm.maxntid", std::to_string(kGeneratedThreads));
  for (Argument &argument : function->args()) {
    if (argument.getType() == pointer) {
      argument.addAttr(Attribute::getWithAlignment(context, Align(16)));
    }
  }
  return function;
}

/// A function of the model, which becomes part of the entry: what it reads of its dispatch is then a parameter.
Function *EntryBuilder::declare(const std::string &name, Type *result, ArrayRef<Type *> parameters) {
  return Function::Create(FunctionType::get(result, parameters, /*isVarArg=*/false), GlobalValue::ExternalLinkage, name,
                          module);
}

/// A fathom_dispatch_t in memory of the thread, which inlining does away with.
Value *EntryBuilder::makeDispatch(Value *rows) {
  Value *operands = builder.CreateAlloca(ArrayType::get(pointer, kernel.operandCount));
  for (size_t i = 0; i < kernel.operandCount; ++i) {
    builder.CreateStore(entry->getArg(kFirstOperand + i), advance(operands, i * sizeof(void *)));
  }
  Value *dispatch = builder.CreateAlloca(ArrayType::get(builder.getInt8Ty(), sizeof(fathom_dispatch_t)));
  cast<AllocaInst>(dispatch)->setAlignment(Align(alignof(fathom_dispatch_t)));
  Value *step = entry->getArg(kStep);
  Value *positions = builder.CreateLoad(pointer, advance(step, offsetof(fathom_step_t, positions)));
  const std::pair<size_t, Value *> fields[] = {
      {offsetof(fathom_dispatch_t, operands), operands},
      {offsetof(fathom_dispatch_t, rows), rows},
      {offsetof(fathom_dispatch_t, layer), entry->getArg(kLayer)},
      {offsetof(fathom_dispatch_t, positions), positions},
      {offsetof(fathom_dispatch_t, cache), advance(step, offsetof(fathom_step_t, cache))},
  };
  for (auto [offset, value] : fields) {
    builder.CreateStore(value, advance(dispatch, offset));
  }
  return dispatch;
}

/// for (item = thread; item < items; item += threads of the grid): the thread's share.
void EntryBuilder::runItems(Value *rows) {
  Function *items = declare(getItemsName(kernel.symbol), i64, {i64});
  Function *task = declare(getTaskName(kernel.symbol), builder.getVoidTy(), {pointer, i64, pointer});
  Value *dispatch = makeDispatch(rows);
  Value *blockThreads = readRegister(Intrinsic::nvvm_read_ptx_sreg_ntid_x);
  Value *thread =
      builder.CreateAdd(builder.CreateMul(readRegister(Intrinsic::nvvm_read_ptx_sreg_ctaid_x), blockThreads),
                        readRegister(Intrinsic::nvvm_read_ptx_sreg_tid_x));
  Value *threads = builder.CreateMul(readRegister(Intrinsic::nvvm_read_ptx_sreg_nctaid_x), blockThreads);
  Value *scratch = builder.CreateGEP(builder.getInt8Ty(), entry->getArg(kScratch),
                                     builder.CreateMul(thread, builder.getInt64(kernel.scratchBytes)));
  Value *count = builder.CreateCall(items, {rows});
  BasicBlock *before = builder.GetInsertBlock();
  auto *head = BasicBlock::Create(context, "head", entry), *body = BasicBlock::Create(context, "item", entry);
  auto *end = BasicBlock::Create(context, "end", entry);
  builder.CreateBr(head);
  builder.SetInsertPoint(head);
  PHINode *item = builder.CreatePHI(i64, 2);
  item->addIncoming(thread, before);
  builder.CreateCondBr(builder.CreateICmpSLT(item, count), body, end);
  builder.SetInsertPoint(body);
  builder.CreateCall(task, {dispatch, item, scratch});
  item->addIncoming(builder.CreateAdd(item, threads), body);
  builder.CreateBr(head);
  builder.SetInsertPoint(end);
}

void EntryBuilder::build() {
  entry = createEntry();
  auto *start = BasicBlock::Create(context, "", entry), *work = BasicBlock::Create(context, "work", entry);
  auto *leave = BasicBlock::Create(context, "leave", entry);
  builder.SetInsertPoint(start);
  Value *counted = builder.CreateLoad(i64, entry->getArg(kCounted));
  Value *rows = builder.CreateMul(counted, entry->getArg(kFactor));
  builder.CreateCondBr(builder.CreateICmpSGT(rows, builder.getInt64(0)), work, leave);
  builder.SetInsertPoint(work);
  runItems(rows);
  builder.CreateBr(leave);
  builder.SetInsertPoint(leave);
  builder.CreateRetVoid();
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
  EntryBuilder(*module, kernel).build();
  if (Linker::linkModules(*module, std::move(*functions), Linker::LinkOnlyNeeded)) {
    return createStringError("cannot link the functions of kernel '" + kernel.symbol + "'");
  }
  for (Function &function : *module) {
    if (function.getName() != kernel.symbol && !function.isDeclaration()) {
      function.setLinkage(GlobalValue::InternalLinkage);
      function.setVisibility(GlobalValue::DefaultVisibility);
      function.removeFnAttr(Attribute::NoInline);
      function.addFnAttr(Attribute::AlwaysInline);
    }
  }
  return module;
}

} // namespace fathom::codegen

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entries are built as IR, since only IR says all that PTX can about one.

#include "codegen/nvptx/EntryPoint.h"

#include "fathom/kernel_abi.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;

namespace fathom::codegen {

/// Parameters of every entry, before operands.
enum Parameter : unsigned { kStep, kCounted, kFactor, kLayer, kScratch, kFirstOperand };

static Value *advance(IRBuilder<> &builder, Value *base, uint64_t bytes) {
  return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), base, bytes);
}

static Function *createEntry(Module &module, StringRef symbol, size_t operandCount, int64_t threads) {
  Type *pointer = PointerType::getUnqual(module.getContext()), *i64 = Type::getInt64Ty(module.getContext());
  SmallVector<Type *> types = {pointer, pointer, i64, i64, pointer};
  types.append(operandCount, pointer);
  auto *type = FunctionType::get(Type::getVoidTy(module.getContext()), types, /*isVarArg=*/false);
  auto *entry = Function::Create(type, GlobalValue::ExternalLinkage, getEntryName(symbol), module);
  entry->setCallingConv(CallingConv::PTX_Kernel);
  entry->addFnAttr("nvvm.maxntid", std::to_string(threads));
  // Without it registers are kept few, and memory of the thread takes what has no room.
  entry->addFnAttr("nvvm.minctasm", "1");
  return entry;
}

static Value *makeDispatch(IRBuilder<> &builder, Function *entry, Value *rows) {
  size_t count = entry->arg_size() - kFirstOperand;
  Value *operands = builder.CreateAlloca(ArrayType::get(builder.getPtrTy(), count));
  for (size_t i = 0; i < count; ++i) {
    builder.CreateStore(entry->getArg(kFirstOperand + i), advance(builder, operands, i * sizeof(void *)));
  }
  AllocaInst *dispatch = builder.CreateAlloca(ArrayType::get(builder.getInt8Ty(), sizeof(fathom_dispatch_t)));
  dispatch->setAlignment(Align(alignof(fathom_dispatch_t)));
  Value *step = entry->getArg(kStep);
  Value *positions = builder.CreateLoad(builder.getPtrTy(), advance(builder, step, offsetof(fathom_step_t, positions)));
  const std::pair<size_t, Value *> fields[] = {
      {offsetof(fathom_dispatch_t, operands), operands},
      {offsetof(fathom_dispatch_t, rows), rows},
      {offsetof(fathom_dispatch_t, layer), entry->getArg(kLayer)},
      {offsetof(fathom_dispatch_t, positions), positions},
      {offsetof(fathom_dispatch_t, cache), advance(builder, step, offsetof(fathom_step_t, cache))},
  };
  for (auto [offset, value] : fields) {
    builder.CreateStore(value, advance(builder, dispatch, offset));
  }
  return dispatch;
}

void addEntry(Module &module, StringRef symbol, size_t operandCount, int64_t threads,
              function_ref<void(IRBuilder<> &builder, const EntryValues &values)> work) {
  Function *entry = createEntry(module, symbol, operandCount, threads);
  IRBuilder<> builder(BasicBlock::Create(module.getContext(), "", entry));
  Value *counted = builder.CreateLoad(builder.getInt64Ty(), entry->getArg(kCounted));
  Value *rows = builder.CreateMul(counted, entry->getArg(kFactor));
  Value *dispatch = makeDispatch(builder, entry, rows);
  auto *begin = BasicBlock::Create(module.getContext(), "work", entry);
  auto *end = BasicBlock::Create(module.getContext(), "end", entry);
  builder.CreateCondBr(builder.CreateICmpSGT(rows, builder.getInt64(0)), begin, end);
  builder.SetInsertPoint(begin);
  work(builder, {rows, dispatch, entry->getArg(kScratch)});
  builder.CreateBr(end);
  builder.SetInsertPoint(end);
  builder.CreateRetVoid();
}

/// Moves memory of constant size to where a function begins: what is made within loops would stay on a stack that
/// grows, in PTX by instructions of its own.
static void hoistMemory(Function &function) {
  for (Instruction &instruction : make_early_inc_range(instructions(function))) {
    auto *memory = dyn_cast<AllocaInst>(&instruction);
    if (memory && isa<ConstantInt>(memory->getArraySize())) {
      memory->moveBefore(function.getEntryBlock().begin());
    }
  }
}

void inlineIntoEntry(Module &module, StringRef symbol) {
  for (Function &function : module) {
    if (function.getName() != getEntryName(symbol) && !function.isDeclaration()) {
      function.setLinkage(GlobalValue::InternalLinkage);
      function.setVisibility(GlobalValue::DefaultVisibility);
      function.setComdat(nullptr);
      function.removeFnAttr(Attribute::NoInline);
      function.addFnAttr(Attribute::AlwaysInline);
      hoistMemory(function);
    }
  }
}

Error linkFunctions(Module &module, std::unique_ptr<Module> functions) {
  return Linker::linkModules(module, std::move(functions), Linker::LinkOnlyNeeded)
             ? createStringError("cannot link the functions of kernel '" + module.getModuleIdentifier() + "'")
             : Error::success();
}

} // namespace fathom::codegen

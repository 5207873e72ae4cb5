// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One copy of a kernel's bitcode for each set of constants, in an entry.

#include "codegen/llvm/Units.h"
#include "codegen/nvptx/EntryPoint.h"
#include "kernels/KernelBitcode.h"

#include "llvm/Bitcode/BitcodeReader.h"

using namespace llvm;

namespace fathom::codegen {

/// What kernels/nvptx/kernel.h declares: (dispatch, row, column, value) to the value that is stored.
static constexpr StringLiteral kScalarEpilogue = "fathom_epilogue_scalar";

/// Defines the epilogue that the kernel calls by the one of the model's functions, which takes several outputs.
static void connectEpilogue(Module &module, const KernelInstance &instance) {
  Function *scalar = module.getFunction(kScalarEpilogue);
  if (!scalar) {
    return;
  }
  IRBuilder<> builder(BasicBlock::Create(module.getContext(), "", scalar));
  Argument *value = scalar->getArg(3);
  if (!instance.hasEpilogue) {
    builder.CreateRet(value);
    return;
  }
  Type *pointer = builder.getPtrTy(), *i64 = builder.getInt64Ty();
  FunctionCallee epilogue =
      module.getOrInsertFunction(instance.symbol + ".epilogue", builder.getVoidTy(), pointer, i64, i64, i64, pointer);
  Value *values = builder.CreateAlloca(builder.getFloatTy());
  builder.CreateStore(value, values);
  builder.CreateCall(epilogue, {scalar->getArg(0), scalar->getArg(1), scalar->getArg(2), builder.getInt64(1), values});
  builder.CreateRet(builder.CreateLoad(builder.getFloatTy(), values));
}

static void addKernelEntry(Module &module, Function *kernel, const KernelInstance &instance, int64_t threads) {
  Constant *values = ConstantDataArray::get(module.getContext(), ArrayRef(instance.constants));
  auto *constants = new GlobalVariable(module, values->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage,
                                       values, "constants");
  addEntry(
      module, instance.symbol, instance.operandCount, threads,
      [&](IRBuilder<> &builder, const EntryValues &entry) { builder.CreateCall(kernel, {entry.dispatch, constants}); });
}

Expected<std::unique_ptr<Module>> buildKernelEntry(const ModelCode &code, const KernelInstance &instance,
                                                   int64_t threads, LLVMContext &context) {
  // Of all functions only the epilogue is linked, so only it is read.
  Expected<std::unique_ptr<Module>> functions = getLazyBitcodeModule({code.functions, "functions"}, context);
  if (!functions) {
    return functions;
  }
  Expected<std::unique_ptr<Module>> module = readKernel(instance, context);
  if (!module) {
    return module;
  }
  (*module)->setDataLayout((*functions)->getDataLayout());
  (*module)->setTargetTriple((*functions)->getTargetTriple());
  connectEpilogue(**module, instance);
  addKernelEntry(**module, (*module)->getFunction(instance.kernel), instance, threads);
  if (Error error = linkFunctions(**module, std::move(*functions))) {
    return std::move(error);
  }
  inlineIntoEntry(**module, instance.symbol);
  return module;
}

} // namespace fathom::codegen

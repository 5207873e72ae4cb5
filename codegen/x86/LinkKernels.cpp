// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One copy of a kernel's bitcode for each set of constants.

#include "codegen/x86/LinkKernels.h"

#include "kernels/KernelBitcode.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;

namespace fathom::codegen {

namespace {

/// Specialises one kernel in a module of its own.
class KernelSpecialiser {
public:
  KernelSpecialiser(Module &module, const KernelInstance &instance)
      : module(module), instance(instance), context(module.getContext()), i64(Type::getInt64Ty(context)),
        pointer(PointerType::getUnqual(context)) {}

  Error run() {
    Function *kernel = module.getFunction(instance.kernel);
    Function *items = module.getFunction(instance.kernel + "_items");
    if (!kernel || !items || kernel->isDeclaration() || items->isDeclaration()) {
      return createStringError("bitcode of kernel '" + instance.kernel + "' does not define it and its items");
    }
    makeInternal();
    kernel->addFnAttr(Attribute::AlwaysInline);
    items->addFnAttr(Attribute::AlwaysInline);
    connectEpilogue();
    GlobalVariable *constants = addConstants();
    addTask(kernel, constants);
    addItems(items, constants);
    return Error::success();
  }

private:
  void makeInternal() {
    for (Function &function : module) {
      if (!function.isDeclaration()) {
        function.setLinkage(GlobalValue::InternalLinkage);
        function.setComdat(nullptr);
        function.setDSOLocal(true);
      }
    }
    for (GlobalVariable &variable : module.globals()) {
      if (!variable.isDeclaration()) {
        variable.setLinkage(GlobalValue::InternalLinkage);
        variable.setComdat(nullptr);
      }
    }
  }

  void connectEpilogue() {
    Function *epilogue = module.getFunction("fathom_epilogue");
    if (!epilogue) {
      return;
    }
    epilogue->setName(instance.symbol + ".epilogue");
    epilogue->setVisibility(GlobalValue::HiddenVisibility);
    if (!instance.hasEpilogue) {
      epilogue->deleteBody();
      epilogue->setLinkage(GlobalValue::InternalLinkage);
      epilogue->setVisibility(GlobalValue::DefaultVisibility);
      ReturnInst::Create(context, BasicBlock::Create(context, "", epilogue));
    }
  }

  GlobalVariable *addConstants() {
    Constant *values = ConstantDataArray::get(context, ArrayRef(instance.constants));
    return new GlobalVariable(module, values->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, values,
                              instance.symbol + ".constants");
  }

  void addTask(Function *kernel, GlobalVariable *constants) {
    auto *type = FunctionType::get(Type::getVoidTy(context), {pointer, i64, pointer}, /*isVarArg=*/false);
    Function *task = Function::Create(type, GlobalValue::ExternalLinkage, instance.symbol + ".task", module);
    IRBuilder<> builder(BasicBlock::Create(context, "", task));
    builder.CreateCall(kernel, {task->getArg(0), constants, task->getArg(1), task->getArg(2)});
    builder.CreateRetVoid();
  }

  void addItems(Function *items, GlobalVariable *constants) {
    auto *type = FunctionType::get(i64, {i64}, /*isVarArg=*/false);
    Function *count = Function::Create(type, GlobalValue::ExternalLinkage, instance.symbol + ".items", module);
    IRBuilder<> builder(BasicBlock::Create(context, "", count));
    builder.CreateRet(builder.CreateCall(items, {count->getArg(0), constants}));
  }

  Module &module;
  const KernelInstance &instance;
  LLVMContext &context;
  Type *i64;
  PointerType *pointer;
};

/// Reads a module for the machine that `model` is for.
Expected<std::unique_ptr<Module>> readBitcode(kernels::KernelBitcode bitcode, StringRef name, Module &model) {
  MemoryBufferRef buffer(StringRef(reinterpret_cast<const char *>(bitcode.data), bitcode.size), name);
  Expected<std::unique_ptr<Module>> parsed = parseBitcodeFile(buffer, model.getContext());
  if (parsed) {
    (*parsed)->setDataLayout(model.getDataLayout());
    (*parsed)->setTargetTriple(model.getTargetTriple());
  }
  return parsed;
}

Error linkKernel(Linker &linker, Module &module, const KernelInstance &instance) {
  kernels::KernelBitcode bitcode = kernels::findKernelBitcode(instance.kernel);
  if (!bitcode.data) {
    return createStringError("no bitcode for kernel '" + instance.kernel + "'");
  }
  Expected<std::unique_ptr<Module>> parsed = readBitcode(bitcode, instance.kernel, module);
  if (!parsed) {
    return parsed.takeError();
  }
  if (Error error = KernelSpecialiser(**parsed, instance).run()) {
    return error;
  }
  if (linker.linkInModule(std::move(*parsed))) {
    return createStringError("cannot link kernel '" + instance.kernel + "'");
  }
  return Error::success();
}

} // namespace

Error linkKernels(Module &module, ArrayRef<KernelInstance> instances) {
  Linker linker(module);
  for (const KernelInstance &instance : instances) {
    if (Error error = linkKernel(linker, module, instance)) {
      return error;
    }
  }
  return Error::success();
}

static Error linkHelpers(Module &module, kernels::KernelBitcode bitcode, StringRef name) {
  Expected<std::unique_ptr<Module>> parsed = readBitcode(bitcode, name, module);
  if (!parsed) {
    return parsed.takeError();
  }
  if (Linker::linkModules(module, std::move(*parsed))) {
    return createStringError("cannot link functions of " + name);
  }
  return Error::success();
}

Error linkCacheRow(Module &module) {
  Function *declared = module.getFunction("fathom_generated_cache_row");
  return declared && !declared->use_empty() ? linkHelpers(module, kernels::getCacheRowBitcode(), "cache_row")
                                            : Error::success();
}

Error linkMemoryFunctions(Module &module) { return linkHelpers(module, kernels::getMemoryBitcode(), "memory"); }

} // namespace fathom::codegen

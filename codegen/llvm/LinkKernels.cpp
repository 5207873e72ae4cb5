// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One copy of a kernel's bitcode for each set of constants.

#include "codegen/llvm/Units.h"

#include "kernels/KernelBitcode.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;

namespace fathom::codegen {

/// Hides what `isInternal` says from other units.
static void makeInternal(Module &module, function_ref<bool(const GlobalValue &)> isInternal) {
  for (GlobalValue &value : module.global_values()) {
    if (!value.isDeclaration() && isInternal(value)) {
      value.setLinkage(GlobalValue::InternalLinkage);
      value.setVisibility(GlobalValue::DefaultVisibility);
      value.setDSOLocal(true);
      if (auto *object = dyn_cast<GlobalObject>(&value)) {
        object->setComdat(nullptr);
      }
    }
  }
}

namespace {
/// Specializes one kernel in a module of its own.
class KernelSpecializer {
public:
  KernelSpecializer(Module &module, const KernelInstance &instance)
      : module(module), instance(instance), context(module.getContext()), i64(Type::getInt64Ty(context)),
        pointer(PointerType::getUnqual(context)) {}

  Error run() {
    Function *kernel = module.getFunction(instance.kernel);
    Function *items = module.getFunction(instance.kernel + "_items");
    if (!items || items->isDeclaration()) {
      return createStringError("bitcode of kernel '" + instance.kernel + "' does not define its items");
    }
    makeInternal(module, [](const GlobalValue &) { return true; });
    // Constants reach all of the kernel only where it is part of the function that has them.
    kernel->addFnAttr(Attribute::AlwaysInline);
    items->addFnAttr(Attribute::AlwaysInline);
    connectEpilogue();
    GlobalVariable *constants = addConstants();
    addTask(kernel, constants);
    addItems(items, constants);
    return Error::success();
  }

private:
  void connectEpilogue() {
    Function *epilogue = module.getFunction("fathom_epilogue");
    if (!epilogue) {
      return;
    }
    epilogue->setName(instance.symbol + ".epilogue");
    // An empty one vanishes where it is called.
    if (!instance.hasEpilogue) {
      epilogue->setLinkage(GlobalValue::InternalLinkage);
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
    task->setVisibility(GlobalValue::HiddenVisibility);
    IRBuilder<> builder(BasicBlock::Create(context, "", task));
    builder.CreateCall(kernel, {task->getArg(0), constants, task->getArg(1), task->getArg(2)});
    builder.CreateRetVoid();
  }

  void addItems(Function *items, GlobalVariable *constants) {
    auto *type = FunctionType::get(i64, {i64}, /*isVarArg=*/false);
    Function *count = Function::Create(type, GlobalValue::ExternalLinkage, instance.symbol + ".items", module);
    count->setVisibility(GlobalValue::HiddenVisibility);
    IRBuilder<> builder(BasicBlock::Create(context, "", count));
    builder.CreateRet(builder.CreateCall(items, {count->getArg(0), constants}));
  }

  Module &module;
  const KernelInstance &instance;
  LLVMContext &context;
  Type *i64;
  PointerType *pointer;
};
} // namespace

static Expected<std::unique_ptr<Module>> readBitcode(kernels::KernelBitcode bitcode, StringRef name,
                                                     LLVMContext &context) {
  return parseBitcodeFile({StringRef(reinterpret_cast<const char *>(bitcode.data), bitcode.size), name}, context);
}

/// Links what the module of kernels called `name` defines.
static Error linkHelpers(Module &module, StringRef name) {
  Expected<std::unique_ptr<Module>> helpers = readBitcode(kernels::findKernelBitcode(name), name, module.getContext());
  if (!helpers) {
    return helpers.takeError();
  }
  (*helpers)->setDataLayout(module.getDataLayout());
  (*helpers)->setTargetTriple(module.getTargetTriple());
  if (Linker::linkModules(module, std::move(*helpers))) {
    return createStringError("cannot link functions of " + name);
  }
  return Error::success();
}

Error linkGeneratedCalls(Module &module) {
  bool called = any_of(module, [](const Function &function) {
    return function.getName().starts_with("fathom_generated_") && !function.use_empty();
  });
  return called ? linkHelpers(module, "generated_calls") : Error::success();
}

Error linkMemoryFunctions(Module &module) { return linkHelpers(module, "memory"); }

Expected<std::unique_ptr<Module>> readFunctions(const ModelCode &code, LLVMContext &context) {
  Expected<std::unique_ptr<Module>> module = parseBitcodeFile({code.functions, "functions"}, context);
  if (module) {
    makeInternal(**module, [&](const GlobalValue &value) { return !is_contained(code.exports, value.getName()); });
  }
  return module;
}

Expected<std::unique_ptr<Module>> readKernel(const KernelInstance &instance, LLVMContext &context) {
  kernels::KernelBitcode bitcode = kernels::findKernelBitcode(instance.kernel);
  if (!bitcode.data) {
    return createStringError("no bitcode for kernel '" + instance.kernel + "'");
  }
  Expected<std::unique_ptr<Module>> module = readBitcode(bitcode, instance.symbol, context);
  if (module) {
    Function *kernel = (*module)->getFunction(instance.kernel);
    if (!kernel || kernel->isDeclaration()) {
      return createStringError("bitcode of kernel '" + instance.kernel + "' does not define it");
    }
  }
  return module;
}

Expected<std::unique_ptr<Module>> specializeKernel(const ModelCode &code, const KernelInstance &instance,
                                                   LLVMContext &context) {
  // Of all functions only the epilogue is linked, so only it is read.
  Expected<std::unique_ptr<Module>> functions = getLazyBitcodeModule({code.functions, "functions"}, context);
  if (!functions) {
    return functions;
  }
  Expected<std::unique_ptr<Module>> kernel = readKernel(instance, context);
  if (!kernel) {
    return kernel;
  }
  (*kernel)->setDataLayout((*functions)->getDataLayout());
  (*kernel)->setTargetTriple((*functions)->getTargetTriple());
  if (Error error = KernelSpecializer(**kernel, instance).run()) {
    return std::move(error);
  }
  if (Linker::linkModules(**kernel, std::move(*functions), Linker::LinkOnlyNeeded)) {
    return createStringError("cannot link the epilogue of kernel '" + instance.kernel + "'");
  }
  makeInternal(**kernel, [](const GlobalValue &value) { return !value.hasHiddenVisibility(); });
  return kernel;
}

} // namespace fathom::codegen

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One copy of a kernel's bitcode for each set of constants.

#include "codegen/x86/LinkKernels.h"

#include "kernels/KernelBitcode.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/SourceMgr.h"

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

Error linkKernel(Linker &linker, Module &module, const KernelInstance &instance) {
  kernels::KernelBitcode bitcode = kernels::findKernelBitcode(instance.kernel);
  if (!bitcode.data) {
    return createStringError("no bitcode for kernel '" + instance.kernel + "'");
  }
  MemoryBufferRef buffer(StringRef(reinterpret_cast<const char *>(bitcode.data), bitcode.size), instance.kernel);
  Expected<std::unique_ptr<Module>> parsed = parseBitcodeFile(buffer, module.getContext());
  if (!parsed) {
    return parsed.takeError();
  }
  (*parsed)->setDataLayout(module.getDataLayout());
  (*parsed)->setTargetTriple(module.getTargetTriple());
  if (Error error = KernelSpecialiser(**parsed, instance).run()) {
    return error;
  }
  if (linker.linkInModule(std::move(*parsed))) {
    return createStringError("cannot link kernel '" + instance.kernel + "'");
  }
  return Error::success();
}

/// Byte by byte: moves big enough to matter are in kernels.
constexpr StringLiteral kMemoryFunctions = R"(
define hidden ptr @memcpy(ptr %to, ptr %from, i64 %size) #0 {
  %r = call { ptr, ptr, i64 } asm sideeffect "rep movsb", "={di},={si},={cx},0,1,2,~{memory}"(ptr %to, ptr %from, i64 %size)
  ret ptr %to
}
define hidden ptr @memmove(ptr %to, ptr %from, i64 %size) #0 {
entry:
  %a = ptrtoint ptr %to to i64
  %b = ptrtoint ptr %from to i64
  %distance = sub i64 %a, %b
  %forward = icmp uge i64 %distance, %size
  br i1 %forward, label %up, label %down
up:
  %r = call { ptr, ptr, i64 } asm sideeffect "rep movsb", "={di},={si},={cx},0,1,2,~{memory}"(ptr %to, ptr %from, i64 %size)
  ret ptr %to
down:
  %last = sub i64 %size, 1
  %tolast = getelementptr i8, ptr %to, i64 %last
  %fromlast = getelementptr i8, ptr %from, i64 %last
  %s = call { ptr, ptr, i64 } asm sideeffect "std; rep movsb; cld", "={di},={si},={cx},0,1,2,~{memory}"(ptr %tolast, ptr %fromlast, i64 %size)
  ret ptr %to
}
define hidden ptr @memset(ptr %to, i32 %value, i64 %size) #0 {
  %byte = trunc i32 %value to i8
  %r = call { ptr, i64 } asm sideeffect "rep stosb", "={di},={cx},{ax},0,1,~{memory}"(i8 %byte, ptr %to, i64 %size)
  ret ptr %to
}
attributes #0 = { nounwind "no-builtins" }
)";

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

Error linkMemoryFunctions(Module &module) {
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> parsed = parseAssemblyString(kMemoryFunctions, diagnostic, module.getContext());
  if (!parsed) {
    return createStringError("memory functions: " + diagnostic.getMessage());
  }
  parsed->setDataLayout(module.getDataLayout());
  parsed->setTargetTriple(module.getTargetTriple());
  if (Linker::linkModules(module, std::move(parsed))) {
    return createStringError("cannot link memory functions");
  }
  return Error::success();
}

} // namespace fathom::codegen

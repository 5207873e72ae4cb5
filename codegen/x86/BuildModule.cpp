// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR to optimised LLVM IR.

#include "codegen/x86/Image.h"
#include "codegen/x86/LinkKernels.h"

#include "dialects/plan/Plan.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Passes/PassBuilder.h"

using namespace llvm;

namespace fathom::codegen {

namespace {

std::vector<KernelInstance> collectKernels(mlir::ModuleOp module) {
  std::vector<KernelInstance> instances;
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    instances.push_back({kernel.getSymName().str(), kernel.getKernel().str(), kernel.getConstants().vec(),
                         !kernel.getEpilogue().empty()});
  }
  return instances;
}

void eraseForeignOps(mlir::ModuleOp module) {
  for (mlir::Operation &op : llvm::make_early_inc_range(*module.getBody())) {
    if (!isa<mlir::LLVM::LLVMDialect>(op.getDialect())) {
      op.erase();
    }
  }
  module->setDiscardableAttrs(mlir::DictionaryAttr::get(module.getContext()));
}

/// Everything for one processor; 64-byte vectors stay whole where it has them.
void setTarget(Module &module, const X86Target &target) {
  std::string width = std::to_string(target.arch->vectorBits);
  for (Function &function : module) {
    function.removeFnAttr("target-cpu");
    function.removeFnAttr("target-features");
    function.addFnAttr("target-cpu", StringRef(target.arch->processor));
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    function.addFnAttr(Attribute::NoUnwind);
  }
}

void makeInternal(Module &module, StringRef except) {
  for (Function &function : module) {
    if (!function.isDeclaration() && !function.hasFnAttribute(except)) {
      function.setLinkage(GlobalValue::InternalLinkage);
      function.setVisibility(GlobalValue::DefaultVisibility);
    }
  }
}

void optimise(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3).run(module, modules);
}

constexpr StringLiteral kEntryAttribute = "fathom-entry";

} // namespace

Expected<std::unique_ptr<Module>> buildLLVMModule(mlir::ModuleOp lowered, const X86Target &target,
                                                  LLVMContext &context) {
  std::vector<KernelInstance> kernels = collectKernels(lowered);
  std::vector<std::string> entries;
  for (auto function : lowered.getOps<mlir::LLVM::LLVMFuncOp>()) {
    if (function->hasAttr(plan::kEntryAttr)) {
      entries.push_back(function.getName().str());
    }
  }
  eraseForeignOps(lowered);
  mlir::registerBuiltinDialectTranslation(*lowered.getContext());
  mlir::registerLLVMDialectTranslation(*lowered.getContext());
  std::unique_ptr<Module> module = mlir::translateModuleToLLVMIR(lowered, context, "model");
  if (!module) {
    return createStringError("cannot translate the lowered module to LLVM IR");
  }
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  if (Error error = linkKernels(*module, kernels)) {
    return std::move(error);
  }
  if (Error error = linkCacheRow(*module)) {
    return std::move(error);
  }
  for (const std::string &entry : entries) {
    module->getFunction(entry)->addFnAttr(kEntryAttribute);
  }
  setTarget(*module, target);
  makeInternal(*module, kEntryAttribute);
  optimise(*module, *machine);
  if (Error error = linkMemoryFunctions(*module)) {
    return std::move(error);
  }
  setTarget(*module, target);
  return module;
}

} // namespace fathom::codegen

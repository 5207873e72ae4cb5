// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR to optimized LLVM IR.

#include "codegen/llvm/Units.h"

#include "dialects/plan/Plan.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Passes/PassBuilder.h"

using namespace llvm;

namespace fathom::codegen {

static size_t countOperands(const artifact::KernelT &kernel) {
  return size_t(kernel.inputs) + kernel.outputs + kernel.extras;
}

static std::vector<KernelInstance> collectKernels(mlir::ModuleOp module, ArrayRef<artifact::KernelT> kernels) {
  std::vector<KernelInstance> instances;
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    instances.push_back({kernel.getSymName().str(), kernel.getKernel().str(), kernel.getConstants().vec(),
                         !kernel.getEpilogue().empty()});
    const auto *table = find_if(kernels, [&](auto &table) { return table.name == instances.back().symbol; });
    instances.back().operandCount = table == kernels.end() ? 0 : countOperands(*table);
  }
  return instances;
}

static uint64_t getNumber(mlir::Operation *op, StringRef name) {
  auto number = op->getAttrOfType<mlir::IntegerAttr>(name);
  return number ? number.getInt() : 0;
}

static std::vector<GeneratedKernel> collectGenerated(mlir::ModuleOp module, ArrayRef<artifact::KernelT> kernels) {
  std::vector<GeneratedKernel> generated;
  mlir::SymbolTable symbols(module);
  for (const artifact::KernelT &kernel : kernels) {
    if (auto function = symbols.lookup<mlir::LLVM::LLVMFuncOp>(getTaskName(kernel.name))) {
      generated.push_back({kernel.name, int64_t(getNumber(function, plan::kItemsAttr)),
                           getNumber(function, plan::kScratchBytesAttr), countOperands(kernel)});
    }
  }
  return generated;
}

static bool isExport(llvm::StringRef name) {
  return name.ends_with(".task") || name.ends_with(".items") || name.ends_with(".call");
}

/// Tasks and counts of items: of kernels, which are linked later, and of generated functions; and named functions.
static std::vector<std::string> listExports(mlir::ModuleOp module) {
  std::vector<std::string> names;
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    names.push_back(getTaskName(kernel.getSymName()));
    names.push_back(getItemsName(kernel.getSymName()));
  }
  for (auto function : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    if (isExport(function.getName())) {
      names.push_back(function.getName().str());
    }
  }
  return names;
}

static void eraseForeignOps(mlir::ModuleOp module) {
  for (mlir::Operation &op : llvm::make_early_inc_range(*module.getBody())) {
    if (!isa<mlir::LLVM::LLVMDialect>(op.getDialect())) {
      op.erase();
    }
  }
  module->setDiscardableAttrs(mlir::DictionaryAttr::get(module.getContext()));
}

/// Everything for one processor, whatever kernels were compiled for.
static void setTarget(Module &module, const CodeTarget &target) {
  for (Function &function : module) {
    function.removeFnAttr("target-cpu");
    function.removeFnAttr("target-features");
    target.setAttributes(function);
    function.addFnAttr(Attribute::NoUnwind);
  }
}

static void optimize(Module &module, TargetMachine &machine) {
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

/// Units call kernels of each other, and nobody else does.
static void hideDeclarations(Module &module) {
  for (Function &function : module) {
    if (function.isDeclaration() && !function.isIntrinsic()) {
      function.setVisibility(GlobalValue::HiddenVisibility);
    }
  }
}

Expected<ModelCode> translateModel(mlir::ModuleOp lowered, const CodeTarget &target,
                                   ArrayRef<artifact::KernelT> kernels) {
  // First what LLVM IR cannot say.
  ModelCode code;
  code.kernels = collectKernels(lowered, kernels);
  code.generated = collectGenerated(lowered, kernels);
  code.exports = listExports(lowered);
  eraseForeignOps(lowered);
  mlir::registerBuiltinDialectTranslation(*lowered.getContext());
  mlir::registerLLVMDialectTranslation(*lowered.getContext());
  LLVMContext context;
  std::unique_ptr<Module> module = mlir::translateModuleToLLVMIR(lowered, context, "model");
  if (!module) {
    return createStringError("cannot translate the lowered module to LLVM IR");
  }
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  if (Error error = linkGeneratedCalls(*module)) {
    return std::move(error);
  }
  hideDeclarations(*module);
  raw_svector_ostream stream(code.functions);
  WriteBitcodeToFile(*module, stream);
  return code;
}

Expected<std::unique_ptr<Module>> readUnit(const CodeUnit &unit, const CodeTarget &target, LLVMContext &context) {
  Expected<std::unique_ptr<Module>> module = unit.read(context);
  if (module) {
    setTarget(**module, target);
  }
  return module;
}

Error optimizeUnit(Module &module, const CodeUnit &unit, const CodeTarget &target) {
  optimize(module, *target.createMachine());
  if (unit.complete) {
    if (Error error = unit.complete(module)) {
      return error;
    }
    setTarget(module, target);
  }
  return Error::success();
}

Expected<std::unique_ptr<Module>> buildUnit(const CodeUnit &unit, const CodeTarget &target, LLVMContext &context) {
  Expected<std::unique_ptr<Module>> module = readUnit(unit, target, context);
  if (module) {
    if (Error error = optimizeUnit(**module, unit, target)) {
      return std::move(error);
    }
  }
  return module;
}

Expected<std::unique_ptr<Module>> buildLLVMModule(const ModelCode &code, const CodeTarget &target,
                                                  LLVMContext &context) {
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  auto module = std::make_unique<Module>("model", context);
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  for (const CodeUnit &unit : target.listUnits(code)) {
    Expected<std::unique_ptr<Module>> built = buildUnit(unit, target, context);
    if (!built) {
      return built;
    }
    if (Linker::linkModules(*module, std::move(*built))) {
      return createStringError("cannot link kernel '" + unit.symbol + "'");
    }
  }
  return module;
}

} // namespace fathom::codegen

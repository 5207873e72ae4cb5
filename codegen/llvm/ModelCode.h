// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a lowered module to code that any target of LLVM compiles.

#ifndef FATHOM_CODEGEN_LLVM_MODELCODE_H
#define FATHOM_CODEGEN_LLVM_MODELCODE_H

#include "codegen/llvm/CodeTarget.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/Module.h"

namespace fathom::codegen {

/// Names of a kernel's fathom_task_fn and of its fathom_items_fn.
inline std::string getTaskName(llvm::StringRef kernel) { return (kernel + ".task").str(); }
inline std::string getItemsName(llvm::StringRef kernel) { return (kernel + ".items").str(); }

/// Name of a named function's fathom_function_fn.
inline std::string getCallName(llvm::StringRef function) { return (function + ".call").str(); }

/// A plan.kernel: a kernel of the catalog with constants.
struct KernelInstance {
  /// Name of the plan.kernel; its functions have names that begin with it.
  std::string symbol;
  std::string kernel;
  std::vector<int64_t> constants;
  bool hasEpilogue;
  /// Of a dispatch, those of the epilogue included.
  size_t operandCount = 0;
};

/// A kernel that was generated for an op of the plan: its functions are among those of the model.
struct GeneratedKernel {
  std::string symbol;
  /// How many items it has; 0: one for each row.
  int64_t items;
  /// What a thread that runs an item needs.
  uint64_t scratchBytes;
  /// Of a dispatch.
  size_t operandCount;
};

/// A model's code: its functions, and what kernels it has.
struct ModelCode {
  /// Bitcode of generated functions and epilogues, not optimized.
  llvm::SmallString<0> functions;
  /// What a runtime calls: tasks of kernels and generated functions, and their counts of items; named functions.
  std::vector<std::string> exports;
  std::vector<KernelInstance> kernels;
  std::vector<GeneratedKernel> generated;
};

/// What a unit was compiled to.
struct CompiledUnit {
  llvm::SmallString<0> bytes;
  /// Goes before names in `bytes` that begin with a dot: a kernel's symbol, without which equal kernels are equal
  /// bytes.
  std::string symbol = "";
};

/// Translates a module that the lower phase is done with, and whose dispatches became launches of `kernels`. `lowered`
/// is consumed: ops that LLVM IR cannot say are erased from it.
llvm::Expected<ModelCode> translateModel(mlir::ModuleOp lowered, const CodeTarget &target,
                                         llvm::ArrayRef<artifact::KernelT> kernels);

/// All units as one module, each optimized for `target`, to be read.
llvm::Expected<std::unique_ptr<llvm::Module>> buildLLVMModule(const ModelCode &code, const CodeTarget &target,
                                                              llvm::LLVMContext &context);

/// Assembly text of such a module.
llvm::Expected<std::string> emitAssembly(llvm::Module &module, const CodeTarget &target);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_MODELCODE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a lowered module to the code image of an artifact.

#ifndef FATHOM_CODEGEN_X86_IMAGE_H
#define FATHOM_CODEGEN_X86_IMAGE_H

#include "codegen/x86/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"

namespace fathom::codegen {

/// An ELF shared object without imports or relocations, and where its entry points are.
struct CodeImage {
  std::string bytes;
  /// Offsets from the image's lowest address, 0.
  llvm::StringMap<uint64_t> entryPoints;
};

/// A plan.kernel: a kernel of the catalog with constants.
struct KernelInstance {
  /// Name of the plan.kernel; its functions are <symbol>.task, <symbol>.items and <symbol>.epilogue.
  std::string symbol;
  std::string kernel;
  std::vector<int64_t> constants;
  bool hasEpilogue;
};

/// A model's code in units that are optimized and compiled without each other: its functions, and each kernel.
struct ModelCode {
  /// Bitcode of entry points, generated functions and epilogues, not optimized.
  llvm::SmallString<0> functions;
  std::vector<std::string> entryPoints;
  std::vector<KernelInstance> kernels;
};

/// Translates a module that the lower phase is done with. `lowered` is consumed: ops that LLVM IR cannot say are
/// erased from it.
llvm::Expected<ModelCode> translateModel(mlir::ModuleOp lowered, const X86Target &target);

/// All units as one module, each optimized for `target`, to be read.
llvm::Expected<std::unique_ptr<llvm::Module>> buildLLVMModule(const ModelCode &code, const X86Target &target,
                                                              llvm::LLVMContext &context);

/// Assembly text of such a module.
llvm::Expected<std::string> emitAssembly(llvm::Module &module, const X86Target &target);

/// Compiles the units on up to `threads` threads, and links them. Bytes do not depend on `threads`.
llvm::Expected<CodeImage> emitImage(const ModelCode &code, const X86Target &target, unsigned threads);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_X86_IMAGE_H

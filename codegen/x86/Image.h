// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a lowered module to the code image of an artifact.

#ifndef CODEGEN_X86_IMAGE_H
#define CODEGEN_X86_IMAGE_H

#include "codegen/x86/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"

namespace fathom::codegen {

/// An ELF shared object without imports or relocations, and where its entry points are.
struct CodeImage {
  std::string bytes;
  /// Offsets from the image's lowest address, 0.
  llvm::StringMap<uint64_t> entryPoints;
};

/// Translates a module that the lower phase is done with, brings in the kernels it dispatches, and optimises the
/// whole for `target`. `lowered` is consumed: ops that LLVM IR cannot say are erased from it.
llvm::Expected<std::unique_ptr<llvm::Module>> buildLLVMModule(mlir::ModuleOp lowered, const X86Target &target,
                                                              llvm::LLVMContext &context);

/// Assembly text of a built module.
llvm::Expected<std::string> emitAssembly(llvm::Module &module, const X86Target &target);

/// Compiles and links a built module whose functions `entryPoints` the runtime calls.
llvm::Expected<CodeImage> emitImage(llvm::Module &module, const X86Target &target,
                                    llvm::ArrayRef<std::string> entryPoints);

} // namespace fathom::codegen

#endif // CODEGEN_X86_IMAGE_H

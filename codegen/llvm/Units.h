// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps of a unit from bitcode to machine code. Internal to codegen.

#ifndef FATHOM_CODEGEN_LLVM_UNITS_H
#define FATHOM_CODEGEN_LLVM_UNITS_H

#include "codegen/llvm/ModelCode.h"
#include "codegen/llvm/UnitCache.h"

namespace fathom::codegen {

/// Defines what generated code and LLVM itself call: kernels/cpu/generated_calls.cpp; memcpy, memmove and memset, since
/// an image has no imports.
llvm::Error linkGeneratedCalls(llvm::Module &module);
llvm::Error linkMemoryFunctions(llvm::Module &module);

/// The functions of a model, of which others see the entry points alone.
llvm::Expected<std::unique_ptr<llvm::Module>> readFunctions(const ModelCode &code, llvm::LLVMContext &context);

/// The bitcode of a kernel of the catalog. Fails if there is none, or if it does not define the kernel.
llvm::Expected<std::unique_ptr<llvm::Module>> readKernel(const KernelInstance &instance, llvm::LLVMContext &context);

/// A kernel: `<symbol>.task` (a fathom_task_fn) and `<symbol>.items`, which call it with an array of constants that
/// LLVM's optimizer then folds into it, and its epilogue out of the functions of the model.
llvm::Expected<std::unique_ptr<llvm::Module>> specializeKernel(const ModelCode &code, const KernelInstance &instance,
                                                               llvm::LLVMContext &context);

/// A unit for `target`, not optimized.
llvm::Expected<std::unique_ptr<llvm::Module>> readUnit(const CodeUnit &unit, const CodeTarget &target,
                                                       llvm::LLVMContext &context);
/// Optimizes what was read of a unit, and completes it.
llvm::Error optimizeUnit(llvm::Module &module, const CodeUnit &unit, const CodeTarget &target);
/// A unit for `target`, optimized.
llvm::Expected<std::unique_ptr<llvm::Module>> buildUnit(const CodeUnit &unit, const CodeTarget &target,
                                                        llvm::LLVMContext &context);

/// The units of `target`, in its order, compiled on up to `threads` threads or, where there is a cache, found there.
/// Bytes depend on neither.
llvm::Expected<std::vector<CompiledUnit>> emitUnits(const ModelCode &code, const CodeTarget &target,
                                                    llvm::CodeGenFileType type, unsigned threads,
                                                    const UnitCache *cache);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_UNITS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps of a unit from bitcode to machine code. Internal to codegen.

#ifndef FATHOM_CODEGEN_LLVM_UNITS_H
#define FATHOM_CODEGEN_LLVM_UNITS_H

#include "codegen/llvm/ModelCode.h"

namespace fathom::codegen {

/// Defines what generated code and LLVM itself call: kernels/cpu/generated_calls.cpp; memcpy, memmove and memset, since
/// an image has no imports.
llvm::Error linkGeneratedCalls(llvm::Module &module);
llvm::Error linkMemoryFunctions(llvm::Module &module);

/// The functions of a model, of which others see the entry points alone.
llvm::Expected<std::unique_ptr<llvm::Module>> readFunctions(const ModelCode &code, llvm::LLVMContext &context);

/// A kernel: `<symbol>.task` (a fathom_task_fn) and `<symbol>.items`, which call it with an array of constants that
/// LLVM's optimizer then folds into it, and its epilogue out of the functions of the model.
llvm::Expected<std::unique_ptr<llvm::Module>> specializeKernel(const ModelCode &code, const KernelInstance &instance,
                                                               llvm::LLVMContext &context);

/// The model's functions are unit 0, its kernels follow.
inline size_t countUnits(const ModelCode &code) { return 1 + code.kernels.size(); }

/// A unit, optimized for `target`. Threads may build units at once, each in a context of its own.
llvm::Expected<std::unique_ptr<llvm::Module>> buildUnit(const ModelCode &code, size_t unit, const CodeTarget &target,
                                                        llvm::LLVMContext &context);

/// A file for each unit, compiled on up to `threads` threads. Bytes do not depend on `threads`.
llvm::Expected<std::vector<llvm::SmallString<0>>> emitUnits(const ModelCode &code, const CodeTarget &target,
                                                            llvm::CodeGenFileType type, unsigned threads);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_UNITS_H

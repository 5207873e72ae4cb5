// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The units of a model's code as LLVM modules, with the bitcode of kernels in them.

#ifndef CODEGEN_X86_LINKKERNELS_H
#define CODEGEN_X86_LINKKERNELS_H

#include "codegen/x86/Image.h"

namespace fathom::codegen {

/// Defines what generated loops and LLVM itself call: where rows of the cache are; memcpy, memmove and memset, since an
/// image has no imports.
llvm::Error linkCacheRow(llvm::Module &module);
llvm::Error linkMemoryFunctions(llvm::Module &module);

/// The functions of a model, of which others see the entry points alone.
llvm::Expected<std::unique_ptr<llvm::Module>> readFunctions(const ModelCode &code, llvm::LLVMContext &context);

/// A kernel: `<symbol>.task` (a fathom_task_fn) and `<symbol>.items`, which call it with an array of constants that
/// LLVM's optimizer then folds into it, and its epilogue out of the functions of the model.
llvm::Expected<std::unique_ptr<llvm::Module>> specializeKernel(const ModelCode &code, const KernelInstance &instance,
                                                               llvm::LLVMContext &context);

} // namespace fathom::codegen

#endif // CODEGEN_X86_LINKKERNELS_H

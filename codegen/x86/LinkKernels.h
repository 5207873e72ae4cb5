// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Brings the bitcode of kernels into a model's module, each specialised for its dispatches.

#ifndef CODEGEN_X86_LINKKERNELS_H
#define CODEGEN_X86_LINKKERNELS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace fathom::codegen {

/// A plan.kernel: a kernel of the catalog with constants.
struct KernelInstance {
  /// Name of the plan.kernel; its functions are <symbol>.task, <symbol>.items and <symbol>.epilogue.
  std::string symbol;
  std::string kernel;
  std::vector<int64_t> constants;
  bool hasEpilogue;
};

/// Defines `<symbol>.task` (a fathom_task_fn) and `<symbol>.items` of every instance in `module`: calls of the kernel
/// with an array of constants, which LLVM's optimiser then folds into a copy of the kernel.
llvm::Error linkKernels(llvm::Module &module, llvm::ArrayRef<KernelInstance> instances);

/// Defines fathom_generated_cache_row where the module's generated loops call it.
llvm::Error linkCacheRow(llvm::Module &module);

/// Defines memcpy, memmove and memset, which LLVM may call: an image has no imports.
llvm::Error linkMemoryFunctions(llvm::Module &module);

} // namespace fathom::codegen

#endif // CODEGEN_X86_LINKKERNELS_H

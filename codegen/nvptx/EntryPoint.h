// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a driver calls kernels. Internal to codegen/nvptx.

#ifndef FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H
#define FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H

#include "codegen/llvm/ModelCode.h"

namespace fathom::codegen {

/// Threads of a block that runs a generated kernel. Few: a model's rows and outputs are to reach many processors.
constexpr unsigned kGeneratedThreads = 64;

/// The module of a generated kernel: an entry `kernel.symbol` as kernel_abi.h says it, whose threads share the items,
/// and the functions of the model that it calls.
llvm::Expected<std::unique_ptr<llvm::Module>> buildGeneratedEntry(const ModelCode &code, const GeneratedKernel &kernel,
                                                                  llvm::LLVMContext &context);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a driver calls kernels. Internal to codegen/nvptx.

#ifndef FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H
#define FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H

#include "codegen/llvm/ModelCode.h"

#include "llvm/IR/IRBuilder.h"

namespace fathom::codegen {

/// Threads of a block that runs a generated kernel. Few: a model's rows and outputs are to reach many processors.
constexpr unsigned kGeneratedThreads = 64;

/// The name of a kernel's entry: that of the kernel, in letters that PTX has.
inline std::string getEntryName(llvm::StringRef symbol) {
  std::string name = symbol.str();
  llvm::replace(name, '.', '_');
  return name;
}

/// What an entry has found out when it begins its work.
struct EntryValues {
  /// i64, at least 1: rows of the launch.
  llvm::Value *rows;
  /// A fathom_dispatch_t in memory of the thread, which inlining does away with.
  llvm::Value *dispatch;
  /// Memory of all threads.
  llvm::Value *scratch;
};

/// Adds the entry of `symbol` as kernel_abi.h says it, for blocks of `threads` threads and with `operandCount`
/// parameters behind those of all entries: where there are rows, it does what `work` builds, which leaves the builder
/// at its end.
void addEntry(llvm::Module &module, llvm::StringRef symbol, size_t operandCount, int64_t threads,
              llvm::function_ref<void(llvm::IRBuilder<> &builder, const EntryValues &values)> work);

/// Makes all but the entry of `symbol` part of it: what functions read of a dispatch are then parameters.
void inlineIntoEntry(llvm::Module &module, llvm::StringRef symbol);

/// Links those of the model's functions that `module` calls.
llvm::Error linkFunctions(llvm::Module &module, std::unique_ptr<llvm::Module> functions);

/// The module of a generated kernel: an entry whose threads share the items.
llvm::Expected<std::unique_ptr<llvm::Module>> buildGeneratedEntry(const ModelCode &code, const GeneratedKernel &kernel,
                                                                  llvm::LLVMContext &context);

/// The module of a kernel of the catalog, with its constants and epilogue, for blocks of `threads` threads.
llvm::Expected<std::unique_ptr<llvm::Module>> buildKernelEntry(const ModelCode &code, const KernelInstance &kernel,
                                                               int64_t threads, llvm::LLVMContext &context);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_NVPTX_ENTRYPOINT_H

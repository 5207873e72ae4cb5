// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code that ptxas makes, or made for an earlier compilation.

#ifndef FATHOM_CODEGEN_NVPTX_CACHINGASSEMBLER_H
#define FATHOM_CODEGEN_NVPTX_CACHINGASSEMBLER_H

#include "codegen/llvm/CodeTarget.h"
#include "codegen/nvptx/Assembler.h"

namespace fathom::codegen {

class CachingAssembler {
public:
  /// Fails where the assembler of `options` does not say its version, which cached code is kept under. `options` and
  /// the text of `processor` outlive this.
  static llvm::Expected<CachingAssembler> create(llvm::StringRef processor, const EmitOptions &options);

  /// As assemble(). Threads may do so at once.
  llvm::Expected<Assembled> assemble(llvm::StringRef ptx) const;

private:
  CachingAssembler(llvm::StringRef processor, const EmitOptions &options) : processor(processor), options(options) {}

  llvm::StringRef processor;
  const EmitOptions &options;
  std::string version;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_NVPTX_CACHINGASSEMBLER_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From units to the code image of an artifact.

#ifndef FATHOM_CODEGEN_X86_IMAGE_H
#define FATHOM_CODEGEN_X86_IMAGE_H

#include "codegen/llvm/ModelCode.h"
#include "codegen/llvm/UnitCache.h"
#include "codegen/x86/Target.h"

#include "llvm/ADT/StringMap.h"

namespace fathom::codegen {

/// An ELF shared object without imports or relocations, and where its exports are.
struct CodeImage {
  std::string bytes;
  /// Offsets from the image's lowest address, 0.
  llvm::StringMap<uint64_t> addresses;
};

/// Compiles the units on up to `threads` threads, or finds them in a cache, and links them. Bytes depend on neither.
llvm::Expected<CodeImage> emitImage(const ModelCode &code, const X86Target &target, unsigned threads,
                                    const UnitCache *cache = nullptr);

/// Links x86-64 ELF objects in memory: what `exports` need of them, at addresses from 0 on, a segment for each kind
/// of protection, its offset in the file equal to its address. Fails if the code uses what no object defines, or holds
/// an address, which somebody would have to relocate.
llvm::Expected<CodeImage> linkImage(llvm::ArrayRef<CompiledUnit> objects, llvm::ArrayRef<std::string> exports);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_X86_IMAGE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links one object file into the code image of an artifact.

#ifndef CODEGEN_X86_LINKIMAGE_H
#define CODEGEN_X86_LINKIMAGE_H

#include "codegen/x86/Image.h"

namespace fathom::codegen {

/// Links the x86-64 ELF object `object` in memory: what `entryPoints` need of it, at addresses from 0 on, a segment
/// for each kind of protection, its offset in the file equal to its address. Fails if the code uses what the object
/// does not define, or holds an address, which somebody would have to relocate.
llvm::Expected<CodeImage> linkImage(llvm::StringRef object, llvm::ArrayRef<std::string> entryPoints);

} // namespace fathom::codegen

#endif // CODEGEN_X86_LINKIMAGE_H

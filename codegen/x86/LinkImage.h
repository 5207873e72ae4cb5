// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links object files into the code image of an artifact.

#ifndef CODEGEN_X86_LINKIMAGE_H
#define CODEGEN_X86_LINKIMAGE_H

#include "codegen/x86/Image.h"

namespace fathom::codegen {

/// Links x86-64 ELF objects in memory: what `entryPoints` need of them, at addresses from 0 on, a segment for each kind
/// of protection, its offset in the file equal to its address. Fails if the code uses what no object defines, or holds
/// an address, which somebody would have to relocate.
llvm::Expected<CodeImage> linkImage(llvm::ArrayRef<llvm::SmallString<0>> objects,
                                    llvm::ArrayRef<std::string> entryPoints);

} // namespace fathom::codegen

#endif // CODEGEN_X86_LINKIMAGE_H

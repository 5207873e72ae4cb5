// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ELF object that holds an artifact for linking into a program.

#ifndef FATHOM_CODEGEN_ARTIFACT_ELFOBJECT_H
#define FATHOM_CODEGEN_ARTIFACT_ELFOBJECT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fathom::codegen {

/// The header of an x86-64 file of `type` (ET_REL, ET_DYN), without its tables.
llvm::ELF::Elf64_Ehdr makeElfHeader(uint16_t type);

/// A relocatable object whose last bytes, the artifact, are yet to be written.
struct ElfObject {
  /// Everything before the artifact: headers, tables, symbols.
  std::string prefix;
  /// Where the artifact goes, a page boundary; zeros lie between.
  uint64_t dataOffset = 0;
};

/// An object for `triple` with `dataSize` bytes of artifact, symbols as writeObject() says.
llvm::Expected<ElfObject> makeElfObject(llvm::StringRef name, llvm::StringRef triple, uint64_t dataSize);

/// The text of the C header that declares the object's symbols.
std::string makeObjectHeader(llvm::StringRef name, uint64_t dataSize);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_ELFOBJECT_H

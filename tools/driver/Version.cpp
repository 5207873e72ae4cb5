// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Versions of the compiler and of what it is made with.

#include "tools/driver/Version.h"

#include "fathom/artifact_abi.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Config/llvm-config.h"

// The build defines FATHOM_COMPILER_HASH, a file.
__asm__(".section .rodata\n"
        "fathom_compiler_hash_begin:\n"
        ".incbin \"" FATHOM_COMPILER_HASH "\"\n"
        "fathom_compiler_hash_end:\n"
        ".text\n");

extern "C" const char fathom_compiler_hash_begin[];
extern "C" const char fathom_compiler_hash_end[];

namespace fathom::driver {

llvm::StringRef getVersion() { return FATHOM_VERSION; }

llvm::StringRef getLLVMVersion() { return LLVM_VERSION_STRING; }

llvm::StringRef getCompilerHash() {
  return {fathom_compiler_hash_begin, size_t(fathom_compiler_hash_end - fathom_compiler_hash_begin)};
}

std::string getVersionText() {
  return ("fathom " + getVersion() + "\nLLVM " + getLLVMVersion() + "\nartifact format " +
          llvm::Twine(FATHOM_ARTIFACT_VERSION_MAJOR) + "." + llvm::Twine(FATHOM_ARTIFACT_VERSION_MINOR) + "\n")
      .str();
}

} // namespace fathom::driver

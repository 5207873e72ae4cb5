// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Versions of the compiler and of what it is made with.

#include "tools/driver/Version.h"

#include "fathom/artifact_abi.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Config/llvm-config.h"

namespace fathom::driver {

llvm::StringRef getVersion() { return FATHOM_VERSION; }

llvm::StringRef getLLVMVersion() { return LLVM_VERSION_STRING; }

std::string getVersionText() {
  return ("fathom " + getVersion() + "\nLLVM " + getLLVMVersion() + "\nartifact format " +
          llvm::Twine(FATHOM_ARTIFACT_VERSION_MAJOR) + "." + llvm::Twine(FATHOM_ARTIFACT_VERSION_MINOR) + "\n")
      .str();
}

} // namespace fathom::driver

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Versions of the compiler and of what it is made with.

#ifndef FATHOM_TOOLS_DRIVER_VERSION_H
#define FATHOM_TOOLS_DRIVER_VERSION_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace fathom::driver {

/// "0.1.0", from the project's CMake file.
llvm::StringRef getVersion();
/// "22.1.8", of the LLVM this was built with.
llvm::StringRef getLLVMVersion();

/// A line of hexadecimal digits for each library that makes machine code: what was compiled by another is another's.
llvm::StringRef getCompilerHash();

/// What `fathom --version` prints.
std::string getVersionText();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_VERSION_H

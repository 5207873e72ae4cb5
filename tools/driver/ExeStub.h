// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The static executable that --emit=exe appends artifacts to, embedded in the compiler.

#ifndef FATHOM_TOOLS_DRIVER_EXESTUB_H
#define FATHOM_TOOLS_DRIVER_EXESTUB_H

#include "llvm/Support/MemoryBufferRef.h"

namespace fathom::driver {

llvm::MemoryBufferRef getExeStub();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_EXESTUB_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The executables that --emit=exe appends artifacts to, embedded in the compiler.

#ifndef FATHOM_TOOLS_DRIVER_EXESTUB_H
#define FATHOM_TOOLS_DRIVER_EXESTUB_H

#include "llvm/Support/MemoryBufferRef.h"

namespace fathom::driver {

/// The static one, or the dynamic one, which needs a C library and can load drivers of GPUs. Empty in a build with
/// sanitizers.
llvm::MemoryBufferRef getExeStub(bool dynamic);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_EXESTUB_H

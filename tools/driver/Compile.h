// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `compile`.

#ifndef FATHOM_TOOLS_DRIVER_COMPILE_H
#define FATHOM_TOOLS_DRIVER_COMPILE_H

#include "llvm/ADT/ArrayRef.h"

namespace fathom::driver {

/// Runs `fathom compile` with the arguments after the verb; returns the exit code.
int runCompile(llvm::ArrayRef<const char *> arguments);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_COMPILE_H

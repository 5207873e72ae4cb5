// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `targets`: what code can be generated for, and what this machine is.

#ifndef FATHOM_TOOLS_DRIVER_TARGETS_H
#define FATHOM_TOOLS_DRIVER_TARGETS_H

#include "llvm/ADT/ArrayRef.h"

namespace fathom::driver {

/// Runs `fathom targets [--json]` with the arguments after the verb; returns the exit code.
int runTargets(llvm::ArrayRef<const char *> arguments);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_TARGETS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom lint`: what stands in the way of compiling a model.

#ifndef FATHOM_TOOLS_DRIVER_LINT_H
#define FATHOM_TOOLS_DRIVER_LINT_H

#include "llvm/ADT/ArrayRef.h"

namespace fathom::driver {

/// Runs `fathom lint` with the arguments after the verb; writes findings to stderr, returns the exit code.
int runLint(llvm::ArrayRef<const char *> arguments);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_LINT_H

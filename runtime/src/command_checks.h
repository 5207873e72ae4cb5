// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of what commands say.

#ifndef FATHOM_RUNTIME_SRC_COMMAND_CHECKS_H
#define FATHOM_RUNTIME_SRC_COMMAND_CHECKS_H

#include "runtime/src/findings.h"

namespace fathom::runtime {

/// Looks at functions and kernels of a program of |contents|, after all else of it: at every number in their commands,
/// and at what every entry point makes of them.
void checkCommands(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_COMMAND_CHECKS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of kernels, and of commands that launch them.

#ifndef FATHOM_RUNTIME_SRC_KERNEL_CHECKS_H
#define FATHOM_RUNTIME_SRC_KERNEL_CHECKS_H

#include "runtime/src/findings.h"
#include "runtime/src/numbered_command.h"

namespace fathom::runtime {

void checkKernels(const artifact::Program &program, Findings &findings);

/// Looks at the kernel of a launch, and at whether the operands are of as many of each kind as the kernel has.
void checkLaunch(const artifact::Program &program, const NumberedCommand &command, Findings &findings);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_KERNEL_CHECKS_H

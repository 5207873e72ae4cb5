// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of the code of a GPU.

#ifndef FATHOM_RUNTIME_SRC_MODULE_CHECKS_H
#define FATHOM_RUNTIME_SRC_MODULE_CHECKS_H

#include "runtime/src/findings.h"

namespace fathom::runtime {

/// Looks at the modules of a program of |contents|, whose code is in segment |code|, and at how its kernels are
/// launched: all of them by a grid where there are modules, and none where there are none.
void checkModules(const artifact::Segment &code, const artifact::Program &program, Findings &findings);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_MODULE_CHECKS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory of a call that is used no more. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_RELEASEMEMORY_H
#define FATHOM_PASSES_FUNCTIONS_RELEASEMEMORY_H

#include "passes/functions/Passes.h"

namespace fathom {

/// Frees behind its last use what each block of `function` allocates and does not give to others. The runtime frees the
/// rest, as it does where a call ends early.
void releaseMemory(mlir::func::FuncOp function);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_RELEASEMEMORY_H

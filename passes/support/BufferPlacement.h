// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where buffers lie in the arena of entry points.

#ifndef FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H
#define FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H

#include "mlir/IR/BuiltinOps.h"

namespace fathom {

/// Gives every `plan.buffer` of entry points and of the functions that they reach its offset, and entry points their
/// `plan.arena_bytes`. Buffers of one function share memory unless they are alive at the same time; those of a function
/// lie behind the buffers of all its callers.
void placeBuffers(mlir::ModuleOp module);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H

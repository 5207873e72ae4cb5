// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where buffers lie in the arena of entry points, and temporaries in the scratch memory of threads.

#ifndef FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H
#define FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace fathom {

/// Memory that a function uses, and where it lies.
struct PlacedMemory {
  mlir::Value memory;
  int64_t bytes;
  int64_t offset = -1;
};

/// Gives what `function` uses offsets from `base` on, aligned to 64 bytes, and returns the end of the last. What is not
/// alive at the same time shares memory: first fit by size, largest first.
int64_t placeMemory(mlir::func::FuncOp function, llvm::MutableArrayRef<PlacedMemory> used, int64_t base);

/// Gives every `plan.buffer` of entry points and of the functions that they reach its offset, and entry points their
/// `plan.arena_bytes`. Buffers of one function share memory where all that uses one waits for all that uses the other;
/// those of a function lie behind the buffers of all its callers.
void placeBuffers(mlir::ModuleOp module);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_BUFFERPLACEMENT_H

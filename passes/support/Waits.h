// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which ops of a plan wait for which.

#ifndef FATHOM_PASSES_SUPPORT_WAITS_H
#define FATHOM_PASSES_SUPPORT_WAITS_H

#include "mlir/IR/Block.h"
#include "llvm/ADT/BitVector.h"

#include <vector>

namespace fathom {

/// For each op of a block, those that it waits for wherever memory is: they make what it reads, or read what it
/// overwrites, or do so for one that it waits for.
std::vector<llvm::BitVector> findWaits(mlir::Block &block);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_WAITS_H

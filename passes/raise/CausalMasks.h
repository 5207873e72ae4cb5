// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What masks hide, found by evaluating them.

#ifndef FATHOM_PASSES_RAISE_CAUSALMASKS_H
#define FATHOM_PASSES_RAISE_CAUSALMASKS_H

#include "passes/raise/Probe.h"

#include <set>

namespace fathom::raise {

/// Attention of [batch, heads, positions, width] with a mask, and with nothing else.
llvm::SmallVector<onnx::NodeOp> findMaskedAttention(mlir::ModuleOp module);

/// Integers of the computation of a value, up to the op `end`, between which it may behave in another way: a window's
/// size for one.
std::set<int64_t> collectBounds(mlir::Value value, mlir::Operation *end = nullptr);

/// Steps that tell masks apart: the first, a prompt, and both behind others; and what lies about each bound. Nothing
/// where a mask of one of them would be too large.
llvm::SmallVector<Step> chooseSteps(Prober &prober, const std::set<int64_t> &bounds);

/// Whether a mask of as many queries and keys shows what `visible` says, of a query and a key, and hides all other.
bool showsOnly(const onnx::Array &mask, int64_t queries, int64_t keys,
               llvm::function_ref<bool(int64_t, int64_t)> visible);

/// Whether the last two dimensions of a mask [queries, keys] hide, of each query, the keys behind it, and no others.
bool isCausal(Prober &prober, mlir::Value mask);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_CAUSALMASKS_H

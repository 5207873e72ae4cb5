// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loop nests as functions of their own. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_OUTLINENESTS_H
#define FATHOM_PASSES_FUNCTIONS_OUTLINENESTS_H

#include "passes/functions/Passes.h"

namespace fathom {

/// Moves loops of `function` that take no memory into functions, in the place of which is a call
///
///   func.call @main.nest.N(%first, %end, %work, captured...)
///
/// that runs items from `first` to `end`, of which each is about so many instructions. Items are the turns of the outer
/// loops of a nest that runs in any order, and a nest of another kind is one item. Nests that are alike are one
/// function. Code of a graph is then a list of calls, which LLVM is done with in time that grows as the list does.
llvm::SmallVector<mlir::func::FuncOp> outlineNests(mlir::func::FuncOp function);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_OUTLINENESTS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What to say about a graph that is not raised.

#ifndef FATHOM_PASSES_RAISE_UNRAISED_H
#define FATHOM_PASSES_RAISE_UNRAISED_H

#include "passes/raise/GraphModel.h"

namespace fathom::raise {

/// "MatMul 'scores' [1, 2, T, 16]", as messages have it.
std::string describe(mlir::Value value);

/// Reports what keeps `logits` from being those of a language model: an error for each node that has no view though all
/// has that it takes from rows, with what it takes and what such nodes are compared with; and behind the last of them
/// which others follow from `tokens` that no rule knows, by operator.
void reportUnraised(mlir::Value logits, mlir::BlockArgument tokens, const GraphModel &model,
                    llvm::function_ref<bool(onnx::NodeOp)> isKnown);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_UNRAISED_H

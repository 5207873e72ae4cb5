// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What several operators do with elements and with whole rows. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_ALONGAXIS_H
#define FATHOM_PASSES_FUNCTIONS_ALONGAXIS_H

#include "passes/functions/NodeBuilder.h"

namespace fathom {

/// x · Φ(x), of f32.
mlir::Value gelu(NodeBuilder &b, mlir::Value x);

/// Tensors of one type one behind the other along an axis.
mlir::Value joinAlong(NodeBuilder &b, mlir::ValueRange parts, int64_t axis);
/// Gives input 0 in parts of these sizes along an axis; true.
bool splitAlong(NodeBuilder &b, mlir::ValueRange parts, int64_t axis);

/// Softmax of rows [outer, length, inner] along the middle axis, as numbers of type `element`.
mlir::Value softmaxOf(NodeBuilder &b, mlir::Value rows, mlir::Type element);
/// The `k` largest or smallest of rows [outer, length, inner] of the type of input 0, [outer, k, inner], and their
/// places as i64; of equals the first come first. `k` is at most the length.
NodeBuilder::Values takeBest(NodeBuilder &b, mlir::Value rows, mlir::Value k, bool largest);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_ALONGAXIS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention on its way from heads to rows.

#ifndef FATHOM_PASSES_RAISE_CONVERTATTENTION_H
#define FATHOM_PASSES_RAISE_CONVERTATTENTION_H

#include "passes/raise/GraphModel.h"

namespace fathom::raise {

/// Heads of a view [batch, heads, positions, width]: `count` of them, `stride` apart, each `repeat` times.
struct Heads {
  int64_t count, stride, repeat, width;
};
std::optional<Heads> getHeads(const View &view);

/// Gives rows of heads side by side, as [batch, heads, positions, width].
void giveHeads(onnx::NodeOp node, mlir::Value rows, int64_t heads, GraphModel &model);

/// Attention to an expanded latent and to one rotated key for all heads; false where it is to something else.
bool attendLatent(onnx::NodeOp node, GraphModel &model);
/// The same to what an indexer chooses.
bool attendSparse(onnx::NodeOp node, GraphModel &model);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_CONVERTATTENTION_H

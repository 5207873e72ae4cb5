// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The indexer of sparse attention, as graphs have it: scores of all positions, and a TopK of them.

#ifndef FATHOM_PASSES_RAISE_INDEXER_H
#define FATHOM_PASSES_RAISE_INDEXER_H

#include "passes/raise/Probe.h"

namespace fathom::raise {

/// Scores Σ_h weight_h · max(0, query_h · key) of positions up to the query's own, times some positive number.
struct Indexer {
  onnx::NodeOp topK;
  /// [batch, positions, index heads, width], [batch, 1, width, keys] and [batch, positions, index heads].
  mlir::Value query, turnedKeys, weights;
  /// How many positions are chosen, where there are as many.
  int64_t count = 0;

  /// Which positions are chosen, [batch, positions, count].
  mlir::Value choices() { return topK.getOutputs()[1]; }
};

/// The indexer whose choices a value follows from; nothing where there is none, or several.
std::optional<Indexer> findIndexer(mlir::Value value, Prober &prober);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_INDEXER_H

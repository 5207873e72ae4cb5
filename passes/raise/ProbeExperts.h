// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a part of a graph makes of logits, where it may be a layer of routed experts.

#ifndef FATHOM_PASSES_RAISE_PROBEEXPERTS_H
#define FATHOM_PASSES_RAISE_PROBEEXPERTS_H

#include "passes/raise/ExpertMarks.h"
#include "passes/raise/Routing.h"

namespace fathom::raise {

/// What is known of a layer when its graph was evaluated.
struct KnownRouting {
  Routing routing;
  /// The vector that is added to scores for the choice; null: there is none.
  mlir::Value bias;
  /// The expert, as logits count them, that each network is of, or each matrix of a stack.
  llvm::SmallVector<int64_t> experts;
  /// Whether other numbers of the bias change nothing.
  bool holdsForAnyBias = true;
};

/// How a layer routes rows, found by evaluating it for logits that tell routings apart, with networks that leave a mark
/// of their expert in place of those of the graph. `biases` are vectors that may be the bias. Nothing where it is not a
/// weighted sum of experts by any routing.
std::optional<KnownRouting> probeExperts(const ExpertLayer &layer, llvm::ArrayRef<mlir::Value> biases,
                                         const onnx::Evaluator::ReadInitializer &read);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_PROBEEXPERTS_H

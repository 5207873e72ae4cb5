// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What experts of a layer are multiplied by, for given logits.

#ifndef FATHOM_PASSES_RAISE_EXPERTMARKS_H
#define FATHOM_PASSES_RAISE_EXPERTMARKS_H

#include "passes/raise/ExpertNetwork.h"
#include "passes/raise/Probe.h"

namespace fathom::raise {

/// A part of a graph between rows and a sum of what experts make of them.
struct ExpertLayer {
  /// Rows [.., H], and their logits [.., E].
  mlir::Value input, logits;
  /// Rows again, in any shape.
  mlir::Value output;
  /// One of all experts, or one for each in any order.
  llvm::SmallVector<ExpertNetwork, 1> networks;

  int64_t width() const;
  int64_t experts() const;
};

/// A number for each expert, of each token.
using Rows = std::vector<std::vector<double>>;

/// What a layer multiplies each of its networks by, or each matrix of a stack, for rows of logits, with `numbers` for
/// the bias, if there is one. Nothing where the graph does anything else with them.
std::optional<Rows> readWeights(const ExpertLayer &layer, const Rows &logits,
                                const onnx::Evaluator::ReadInitializer &read, mlir::Value bias,
                                llvm::ArrayRef<double> numbers);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_EXPERTMARKS_H

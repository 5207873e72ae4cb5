// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which part of a model's weights a step of it reads: asked of the system, so that it holds for every model.

#ifndef FATHOM_TOOLS_DRIVER_TOUCHEDWEIGHTS_H
#define FATHOM_TOOLS_DRIVER_TOUCHEDWEIGHTS_H

#include "tools/driver/ExpertPages.h"

#include <cstdint>
#include <set>

namespace fathom::driver {

/// What was read of a model's weights.
struct Touched {
  uint64_t bytes = 0;
  /// Different ones, an expert of each of two layers being two; 0 where nobody counts them.
  uint64_t experts = 0;
};

/// Counts the pages of a model's mapped files that are read.
class TouchedWeights {
public:
  /// To be made before the model is loaded: whatever file is mapped later is taken for weights.
  TouchedWeights();

  /// Counts experts from now on, of a loaded model. False if
  /// that cannot be: without experts, or where one has no page for itself.
  bool countExperts(const fathom_model_info_t &info);

  /// Forgets what was read so far. False if the system does not offer that.
  bool forget() const { return clearReferences(); }

  /// What was read since forget(). A page that is mapped for the first time counts with its neighbors (64 KiB), so let
  /// the model run a few steps before.
  Touched measure() const;

private:
  std::vector<Mapping> listNew() const;

  std::set<uint64_t> before;
  ExpertPages experts;
};

/// What the metadata of an artifact says of weights that take part in every token.
struct WeightCount {
  /// Bytes of weights of which every token reads all: all but tables and routed experts.
  uint64_t denseBytes = 0;
  uint64_t expertBytes = 0;
  /// Routed experts of all layers.
  uint64_t experts = 0;
  /// Matrix elements: of dense weights without the output head, of routed experts, of the head.
  double denseElements = 0;
  double expertElements = 0;
  double headElements = 0;
};

/// Sums up the weight table of a loaded model, of the variant that runs.
WeightCount countWeights(const fathom_model_info_t &info);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_TOUCHEDWEIGHTS_H

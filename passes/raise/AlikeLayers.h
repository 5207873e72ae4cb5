// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of routed experts that are another with other weights, which need not be evaluated again.

#ifndef FATHOM_PASSES_RAISE_ALIKELAYERS_H
#define FATHOM_PASSES_RAISE_ALIKELAYERS_H

#include "passes/raise/ProbeExperts.h"

namespace fathom::raise {

/// A layer, and what its evaluation showed.
struct KnownLayer {
  ExpertLayer layer;
  KnownRouting routing;
};

/// What is known of a layer because it follows from its rows, its logits and its networks by the same nodes as `known`
/// does, except for the numbers of a bias where those did not matter; nothing where it differs otherwise.
std::optional<KnownRouting> inferFromAlike(const KnownLayer &known, const ExpertLayer &layer);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_ALIKELAYERS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frequencies of a rotation, found in its table.

#ifndef FATHOM_PASSES_RAISE_ROPEFREQUENCIES_H
#define FATHOM_PASSES_RAISE_ROPEFREQUENCIES_H

#include "llvm/ADT/ArrayRef.h"

#include <optional>
#include <vector>

namespace fathom::raise {

struct Frequencies {
  std::vector<double> radians;
  double magnitude;
};

/// The frequencies of [positions, pairs, 2], cosines and sines, where position p turns pair i by p · radians[i];
/// nothing where it does not, as far as f32 can tell. Those of RoFormer, theta^(-i/pairs) of an integer theta, are
/// exact.
std::optional<Frequencies> findFrequencies(llvm::ArrayRef<float> table, int64_t pairs);

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_ROPEFREQUENCIES_H

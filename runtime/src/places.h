// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that is known of each artifact::Place: a new place is a row here, and what a device makes of it.

#ifndef FATHOM_RUNTIME_SRC_PLACES_H
#define FATHOM_RUNTIME_SRC_PLACES_H

#include "fathom/artifact_generated.h"

#include <stddef.h>

namespace fathom::runtime {

/// What numbers of an operand count.
enum class Unit { none, bytes, slices, stores };

struct PlaceFacts {
  artifact::Place place;
  Unit unit;
  /// Kernels only read what is there.
  bool isConstant;
  /// In a function of an entry point, rows of the model's width may be there.
  bool mayHoldRows;
  /// A function does not know where its caller's rows are: any two of these places may be one memory.
  bool isOfCaller;
  /// Which operand of the function's call it is; -1: none.
  int callOperand;
  /// Which entry points have it; NULL: all.
  bool (artifact::EntryPoint::*isIn)() const;
};

constexpr PlaceFacts kPlaces[] = {
    // place, unit, isConstant, mayHoldRows, isOfCaller, callOperand, isIn
    {artifact::Place::buffer, Unit::bytes, false, true, false, -1, nullptr},
    {artifact::Place::input, Unit::none, true, false, true, 0, nullptr},
    {artifact::Place::output, Unit::none, false, false, true, 1, nullptr},
    {artifact::Place::weight, Unit::slices, true, false, false, -1, nullptr},
    {artifact::Place::experts, Unit::slices, true, false, false, -1, nullptr},
    {artifact::Place::store, Unit::stores, false, false, false, -1, nullptr},
    {artifact::Place::tokens, Unit::none, true, false, false, -1, nullptr},
    {artifact::Place::positions, Unit::none, true, false, false, -1, nullptr},
    {artifact::Place::hidden, Unit::none, true, true, true, -1, &artifact::EntryPoint::hidden},
    {artifact::Place::logit_row_ids, Unit::none, true, false, false, -1, &artifact::EntryPoint::logits},
    {artifact::Place::logits, Unit::none, false, false, false, -1, &artifact::EntryPoint::logits},
    {artifact::Place::hidden_out, Unit::none, false, true, true, -1, &artifact::EntryPoint::hidden_out},
    {artifact::Place::argmax, Unit::none, false, false, false, -1, &artifact::EntryPoint::argmax},
};

constexpr bool arePlacesInOrder() {
  size_t index = 0;
  for (const PlaceFacts &facts : kPlaces) {
    if (facts.place != static_cast<artifact::Place>(index++)) {
      return false;
    }
  }
  return index == static_cast<size_t>(artifact::Place::MAX) + 1;
}
static_assert(arePlacesInOrder(), "expects a row for each place");

/// |place| is one that there is.
constexpr const PlaceFacts &factsOf(artifact::Place place) { return kPlaces[static_cast<size_t>(place)]; }

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_PLACES_H

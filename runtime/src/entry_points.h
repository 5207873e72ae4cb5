// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry points of a checked program, whatever device runs them.

#ifndef FATHOM_RUNTIME_SRC_ENTRY_POINTS_H
#define FATHOM_RUNTIME_SRC_ENTRY_POINTS_H

#include "fathom/artifact_generated.h"

namespace fathom::runtime {

/// The most rows that a call of the model may have, whether it wants logits or not.
uint32_t maxRows(const artifact::Program &program, artifact::Form form);
/// The same of its draft; 0 if it has none.
uint32_t maxDraftRows(const artifact::Program &program);

/// The positions that calls of the model in expanded form take are below it; UINT32_MAX where they take all.
uint32_t maxExpandedPositions(const artifact::Program &program);

/// Whether calls of the model give hidden states, and so need room for them.
bool givesHidden(const artifact::Program &program);

/// What a call asks of an entry point.
struct Wanted {
  artifact::Form form;
  int64_t rows;
  bool logits;
  /// The draft, not the model.
  bool draft;
};

/// The entry point that takes so many rows and not many more, computes logits if they are wanted, and else does not if
/// there is a choice; NULL if none suits.
const artifact::EntryPoint *findEntryPoint(const artifact::Program &program, const Wanted &wanted);

/// Which of the entry points of |program| it is.
uint32_t indexOf(const artifact::Program &program, const artifact::EntryPoint &entry);

/// The most rows of any call.
uint32_t mostRows(const artifact::Program &program);

/// The arena of the largest call of any form.
uint64_t arenaBytes(const artifact::Program &program);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_ENTRY_POINTS_H

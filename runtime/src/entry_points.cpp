// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks entry points up.

#include "runtime/src/entry_points.h"

namespace fathom::runtime {

template <typename Visit>
static void forEach(const artifact::Program &program, artifact::Form form, bool draft, Visit visit) {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (entry->form() == form && entry->hidden() == draft) {
      visit(*entry);
    }
  }
}

static uint32_t mostRows(const artifact::Program &program, artifact::Form form, bool draft) {
  uint32_t most = 0;
  forEach(program, form, draft, [&](const artifact::EntryPoint &entry) {
    most = entry.logits() && entry.max_rows() > most ? entry.max_rows() : most;
  });
  return most;
}

uint32_t maxRows(const artifact::Program &program, artifact::Form form) { return mostRows(program, form, false); }

uint32_t maxDraftRows(const artifact::Program &program) { return mostRows(program, artifact::Form::absorbed, true); }

uint32_t maxExpandedPositions(const artifact::Program &program) {
  uint32_t least = UINT32_MAX;
  forEach(program, artifact::Form::expanded, /*draft=*/false, [&](const artifact::EntryPoint &entry) {
    least = entry.max_positions() && entry.max_positions() < least ? entry.max_positions() : least;
  });
  return least;
}

bool givesHidden(const artifact::Program &program) {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (entry->hidden_out() && !entry->hidden()) {
      return true;
    }
  }
  return false;
}

const artifact::EntryPoint *findEntryPoint(const artifact::Program &program, const Wanted &wanted) {
  const artifact::EntryPoint *best = nullptr;
  auto isBetter = [&](const artifact::EntryPoint &entry) {
    return !best || entry.max_rows() < best->max_rows() ||
           (entry.max_rows() == best->max_rows() && !entry.logits() && best->logits());
  };
  forEach(program, wanted.form, wanted.draft, [&](const artifact::EntryPoint &entry) {
    bool takes =
        entry.min_rows() <= wanted.rows && wanted.rows <= entry.max_rows() && (entry.logits() || !wanted.logits);
    if (takes && isBetter(entry)) {
      best = &entry;
    }
  });
  return best;
}

uint32_t indexOf(const artifact::Program &program, const artifact::EntryPoint &entry) {
  uint32_t index = 0;
  while (program.entry_points()->Get(index) != &entry) {
    ++index;
  }
  return index;
}

uint32_t mostRows(const artifact::Program &program) {
  uint32_t most = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    most = entry->max_rows() > most ? entry->max_rows() : most;
  }
  return most;
}

uint64_t arenaBytes(const artifact::Program &program) {
  uint64_t most = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    most = entry->arena_bytes() > most ? entry->arena_bytes() : most;
  }
  return most;
}

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks entry points up.

#include "runtime/src/entry_points.h"

namespace fathom::runtime {

// Of the model: a draft computes something else.
template <typename Visit>
static void forEach(const artifact::Program &program, artifact::Form form, Visit visit) {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (entry->form() == form && !entry->hidden()) {
      visit(*entry);
    }
  }
}

uint32_t maxRows(const artifact::Program &program, artifact::Form form) {
  uint32_t most = 0;
  forEach(program, form, [&](const artifact::EntryPoint &entry) {
    most = entry.logits() && entry.max_rows() > most ? entry.max_rows() : most;
  });
  return most;
}

const artifact::EntryPoint *findEntryPoint(const artifact::Program &program, artifact::Form form, int64_t rows,
                                           bool logits) {
  const artifact::EntryPoint *best = nullptr;
  auto isBetter = [&](const artifact::EntryPoint &entry) {
    return !best || entry.max_rows() < best->max_rows() ||
           (entry.max_rows() == best->max_rows() && !entry.logits() && best->logits());
  };
  forEach(program, form, [&](const artifact::EntryPoint &entry) {
    bool takes = entry.min_rows() <= rows && rows <= entry.max_rows() && (entry.logits() || !logits);
    if (takes && isBetter(entry)) {
      best = &entry;
    }
  });
  return best;
}

bool givesHidden(const artifact::Program &program) {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (entry->hidden_out()) {
      return true;
    }
  }
  return false;
}

uint64_t arenaBytes(const artifact::Program &program) {
  uint64_t most = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    most = entry->arena_bytes() > most ? entry->arena_bytes() : most;
  }
  return most;
}

} // namespace fathom::runtime

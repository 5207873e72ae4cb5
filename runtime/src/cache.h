// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cache of a session: pages of 64 positions, and the page table of each sequence. What a page holds is the business
// of stores.h.

#ifndef FATHOM_RUNTIME_SRC_CACHE_H
#define FATHOM_RUNTIME_SRC_CACHE_H

#include "fathom/kernel_abi.h"
#include "runtime/src/draft_state.h"
#include "runtime/src/page_pool.h"

namespace fathom::runtime {

/// A sequence's tokens so far. `pages` has an entry for every page of a full context; the first `pageCount` are in use.
struct Sequence {
  Buffer<int32_t> pages;
  uint32_t pageCount = 0;
  uint32_t length = 0;
  uint32_t generation = 1;
  uint64_t batch = 0; // The last it was in, by number: it may be in each once.
  bool alive = false;
  DraftState draft;
};

/// Sequences take pages when they reach them. What a page held before is never read: kernels read positions below a
/// sequence's length only.
class Cache {
public:
  Cache() = default;
  Cache(const Cache &) = delete;
  Cache &operator=(const Cache &) = delete;
  ~Cache();

  /// |limitBytes| 0: none but what the sequences can use.
  fathom_status_t initialize(uint64_t bytesOfPage, uint32_t maxContext, uint32_t maxSequences, uint64_t limitBytes);

  fathom_status_t createSequence(uint64_t *outId);
  fathom_status_t destroySequence(uint64_t id);
  /// BAD_DATA-free lookup: INVALID_HANDLE if there is no such sequence.
  fathom_status_t find(uint64_t id, Sequence **out);

  /// Makes room for |length| positions. CONTEXT_FULL beyond the context, OUT_OF_RESOURCES without pages; pages taken
  /// before that happened stay with the sequence.
  fathom_status_t reserve(Sequence *sequence, uint64_t length);
  /// The same for positions that may as well not be: false if there is no room.
  bool tryReserve(Sequence *sequence, uint64_t length);
  /// Forgets positions from |length| on and gives their pages back.
  void rewind(Sequence *sequence, uint32_t length);

  /// Of the memory that pages take, also those that were given back.
  uint64_t usedBytes() const { return pool.usedBytes(); }

  /// The cache for rows with these page tables, until the next reserve().
  fathom_cache_t view(const int32_t *const *tables) const {
    return {pool.memory(), static_cast<int64_t>(pool.pageBytes()), tables};
  }

private:
  PagePool pool;
  uint32_t context = 0;
  Sequence *sequences = nullptr;
  uint32_t sequenceCount = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_CACHE_H

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

/// A sequence's tokens so far. `pages` has an entry for every page of a full context; the first `pageCount` are in use,
/// and the same in page table `table` of the device.
struct Sequence {
  Buffer<int32_t> pages;
  int32_t table = 0;
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
  fathom_status_t initialize(const MemorySpace &space, uint64_t bytesOfPage, uint32_t maxContext, uint32_t maxSequences,
                             uint64_t limitBytes);

  fathom_status_t createSequence(uint64_t *outId);
  fathom_status_t destroySequence(uint64_t id);
  /// BAD_DATA-free lookup: INVALID_HANDLE if there is no such sequence.
  fathom_status_t find(uint64_t id, Sequence **out);

  /// Makes room for |length| positions. CONTEXT_FULL beyond the context, OUT_OF_RESOURCES without pages; pages taken
  /// before that happened stay with the sequence.
  fathom_status_t reserve(Sequence *sequence, uint64_t length);
  /// The same for positions that may as well not be: says whether there is room.
  fathom_status_t tryReserve(Sequence *sequence, uint64_t length, bool *outRoom);
  /// Forgets positions from |length| on and gives their pages back.
  void rewind(Sequence *sequence, uint32_t length);

  /// Of the memory that pages take, also those that were given back.
  uint64_t usedBytes() const { return pool.usedBytes(); }

  /// Where calls find it, until the next createSequence() or reserve().
  CacheMemory memory() const { return {pool.memory().address(), pool.pageBytes(), tables.address(), tableEntries}; }
  /// What CacheMemory::pages is the address of.
  DeviceMemory &pages() { return pool.memory(); }
  const DeviceMemory &pages() const { return pool.memory(); }

private:
  fathom_status_t makeTable(Sequence *sequence);
  /// Pages from |from| on.
  void giveBack(Sequence *sequence, uint32_t from);
  fathom_status_t uploadTable(const Sequence &sequence, uint32_t first);

  PagePool pool;
  /// i32 [sequences that ever lived, tableEntries]
  DeviceMemory tables;
  uint32_t tableEntries = 0;
  uint32_t context = 0;
  Sequence *sequences = nullptr;
  uint32_t sequenceCount = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_CACHE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages and sequences.

#include "runtime/src/cache.h"

#include <atomic>
#include <new>

namespace fathom::runtime {

/// The pages of so many positions of a context.
static uint32_t pagesOf(uint64_t length) {
  return static_cast<uint32_t>((length + FATHOM_PAGE_TOKENS - 1) / FATHOM_PAGE_TOKENS);
}

Cache::~Cache() {
  for (uint32_t i = 0; i < sequenceCount; ++i) {
    sequences[i].~Sequence();
  }
  free(static_cast<void *>(sequences));
}

fathom_status_t Cache::initialize(const MemorySpace &space, uint64_t bytesOfPage, uint32_t maxContext,
                                  uint32_t maxSequences, uint64_t limitBytes) {
  context = maxContext;
  tableEntries = pagesOf(context);
  tables.open(space);
  sequences = static_cast<Sequence *>(calloc(maxSequences, sizeof(Sequence)));
  if (!sequences) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %u sequences", maxSequences);
  }
  // Sessions begin far apart, so that no session takes a sequence of another.
  static std::atomic<uint32_t> caches{0};
  uint32_t first = caches.fetch_add(1) % 0x10000 * 0x10000 + 1;
  for (; sequenceCount < maxSequences; ++sequenceCount) {
    ::new (&sequences[sequenceCount]) Sequence();
    sequences[sequenceCount].generation = first;
    sequences[sequenceCount].table = static_cast<int32_t>(sequenceCount);
  }
  return pool.initialize(space, bytesOfPage, limitBytes);
}

// Once for each sequence that ever lives, which begins with the first.
fathom_status_t Cache::makeTable(Sequence *sequence) {
  uint64_t bytes = tableEntries * sizeof(int32_t), needed = (static_cast<uint64_t>(sequence->table) + 1) * bytes;
  if (sequence->pages.size()) {
    return FATHOM_STATUS_OK;
  }
  if (needed > tables.size() && !tables.grow(needed)) {
    return fail(tables.device().outOfMemory, "the device '%s' has no memory for a table of %u pages",
                tables.device().name, tableEntries);
  }
  return sequence->pages.allocate(tableEntries)
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a table of %u pages", tableEntries);
}

fathom_status_t Cache::createSequence(uint64_t *outId) {
  for (uint32_t i = 0; i < sequenceCount; ++i) {
    Sequence &sequence = sequences[i];
    if (sequence.alive) {
      continue;
    }
    FATHOM_RETURN_IF_ERROR(makeTable(&sequence));
    sequence.alive = true;
    *outId = uint64_t(sequence.generation) << 32 | i;
    return FATHOM_STATUS_OK;
  }
  return fail(FATHOM_STATUS_OUT_OF_RESOURCES,
              "all %u sequences of this session are in use; destroy one or raise max_sequences", sequenceCount);
}

fathom_status_t Cache::find(uint64_t id, Sequence **out) {
  uint64_t index = id & 0xffffffff;
  if (index >= sequenceCount || !sequences[index].alive || sequences[index].generation != id >> 32) {
    return fail(FATHOM_STATUS_INVALID_HANDLE, "no such sequence in this session");
  }
  *out = &sequences[index];
  return FATHOM_STATUS_OK;
}

fathom_status_t Cache::destroySequence(uint64_t id) {
  Sequence *sequence;
  FATHOM_RETURN_IF_ERROR(find(id, &sequence));
  rewind(sequence, 0);
  sequence->alive = false;
  // 0 is never a generation, so that 0 is never a sequence.
  sequence->generation = sequence->generation == UINT32_MAX ? 1 : sequence->generation + 1;
  return FATHOM_STATUS_OK;
}

// Of pages from |first| on.
fathom_status_t Cache::uploadTable(const Sequence &sequence, uint32_t first) {
  uint64_t entry = static_cast<uint64_t>(sequence.table) * tableEntries + first;
  return tables.upload(entry * sizeof(int32_t), sequence.pages.data() + first,
                       (sequence.pageCount - first) * sizeof(int32_t));
}

fathom_status_t Cache::tryReserve(Sequence *sequence, uint64_t length, bool *outRoom) {
  uint32_t before = sequence->pageCount, needed = length > context ? 0 : pagesOf(length);
  while (sequence->pageCount < needed && pool.tryTake(&sequence->pages[sequence->pageCount])) {
    sequence->pageCount += 1;
  }
  *outRoom = length <= context && sequence->pageCount >= needed;
  fathom_status_t status = sequence->pageCount > before ? uploadTable(*sequence, before) : FATHOM_STATUS_OK;
  if (status) {
    giveBack(sequence, before); // The device does not know them.
  }
  return status;
}

fathom_status_t Cache::reserve(Sequence *sequence, uint64_t length) {
  if (length > context) {
    return fail(FATHOM_STATUS_CONTEXT_FULL, "%llu tokens do not fit into the context of %u positions",
                static_cast<unsigned long long>(length), context);
  }
  bool hasRoom;
  FATHOM_RETURN_IF_ERROR(tryReserve(sequence, length, &hasRoom));
  return hasRoom ? FATHOM_STATUS_OK : pool.failTake();
}

void Cache::giveBack(Sequence *sequence, uint32_t from) {
  while (sequence->pageCount > from) {
    pool.giveBack(sequence->pages[--sequence->pageCount]);
    sequence->pages[sequence->pageCount] = kNoPage;
  }
}

void Cache::rewind(Sequence *sequence, uint32_t length) {
  giveBack(sequence, pagesOf(length));
  sequence->length = length;
  sequence->draft.rewind(length);
}

} // namespace fathom::runtime

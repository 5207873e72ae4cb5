// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Saves a header and, of each store, [layers][heads][length][width]: positions beyond the length, which hold anything,
// are left out, so equal caches give equal bytes.

#include "runtime/src/saved_sequence.h"

#include "runtime/src/hash.h"
#include "runtime/src/memory.h"
#include "runtime/src/stores.h"

#include <stddef.h>
#include <string.h>

namespace fathom::runtime {

namespace {
struct SavedHeader {
  char magic[8];
  /// Of all that follows.
  uint64_t hash;
  uint64_t identity;
  uint32_t length;
  uint32_t reserved;
};
} // namespace

static constexpr char kMagic[8] = {'\177', 'F', 'T', 'H', 'M', 'K', 'V', '3'};

// Calls |copy| with each row of |sequence| in the order of the file, its bytes, and where they are in a saved payload.
template <typename Copy>
static void forEachRow(const Session &session, const Sequence &sequence, uint32_t length, Copy copy) {
  const int32_t *table = sequence.pages.data();
  fathom_cache_t cache = session.cache().view(&table);
  uint64_t saved = 0;
  for (const artifact::Store *store : *session.model().program().cache()->stores()) {
    for (uint64_t row = 0; row < rowsOf(*store); ++row) {
      for (uint32_t position = 0; position < length; ++position, saved += rowBytes(*store)) {
        copy(rowOf(cache, *store, row, position), rowBytes(*store), saved);
      }
    }
  }
}

static constexpr size_t kHashedFrom = offsetof(SavedHeader, identity);

static fathom_status_t savedSize(const artifact::Program &program, uint32_t length, uint64_t *size) {
  if (!multiply(positionBytes(program), length, size) || __builtin_add_overflow(*size, sizeof(SavedHeader), size)) {
    return fail(FATHOM_STATUS_BAD_DATA, "saved sequence: impossible length %u", length);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t saveSequence(Session &session, const Sequence &sequence, void *buffer, size_t capacity,
                             size_t *outSize) {
  const artifact::Program &program = session.model().program();
  uint64_t size;
  FATHOM_RETURN_IF_ERROR(savedSize(program, sequence.length, &size));
  *outSize = size;
  if (size > capacity) {
    return fail(FATHOM_STATUS_TOO_SMALL, "the buffer has %zu bytes, but %llu are needed", capacity,
                static_cast<unsigned long long>(size));
  }
  char *payload = static_cast<char *>(buffer) + sizeof(SavedHeader);
  forEachRow(session, sequence, sequence.length,
             [&](const char *row, uint64_t bytes, uint64_t saved) { memcpy(payload + saved, row, bytes); });
  SavedHeader header = {};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.identity = session.model().identity();
  header.length = sequence.length;
  memcpy(buffer, &header, sizeof(header));
  header.hash = hash64(static_cast<char *>(buffer) + kHashedFrom, size - kHashedFrom);
  memcpy(buffer, &header, sizeof(header));
  return FATHOM_STATUS_OK;
}

static fathom_status_t checkSaved(Session &session, const void *data, size_t size, SavedHeader *header) {
  if (size >= sizeof(*header)) {
    memcpy(header, data, sizeof(*header));
  }
  if (size < sizeof(*header) || memcmp(header->magic, kMagic, sizeof(kMagic)) != 0 || header->reserved != 0) {
    return fail(FATHOM_STATUS_BAD_DATA, "not a saved sequence");
  }
  if (hash64(static_cast<const char *>(data) + kHashedFrom, size - kHashedFrom) != header->hash) {
    return fail(FATHOM_STATUS_BAD_DATA,
                "the saved sequence is damaged: its %zu bytes do not have the hash they were saved with", size);
  }
  if (header->identity != session.model().identity()) {
    return fail(FATHOM_STATUS_MISMATCH, "the saved sequence belongs to another artifact; compute it again");
  }
  uint64_t expected;
  FATHOM_RETURN_IF_ERROR(savedSize(session.model().program(), header->length, &expected));
  if (size != expected) {
    return fail(FATHOM_STATUS_BAD_DATA, "the saved sequence is damaged: expected %llu bytes, found %zu",
                static_cast<unsigned long long>(expected), size);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t restoreSequence(Session &session, const void *data, size_t size, fathom_sequence_t *outSequence) {
  SavedHeader header;
  FATHOM_RETURN_IF_ERROR(checkSaved(session, data, size, &header));
  Cache &cache = session.cache();
  fathom_sequence_t id;
  Sequence *sequence = nullptr;
  FATHOM_RETURN_IF_ERROR(cache.createSequence(&id));
  fathom_status_t status = cache.find(id, &sequence);
  if (status == FATHOM_STATUS_OK) {
    status = cache.reserve(sequence, header.length);
  }
  if (status != FATHOM_STATUS_OK) {
    cache.destroySequence(id);
    return status;
  }
  const char *payload = static_cast<const char *>(data) + sizeof(header);
  forEachRow(session, *sequence, header.length,
             [&](char *row, uint64_t bytes, uint64_t saved) { memcpy(row, payload + saved, bytes); });
  sequence->length = header.length;
  *outSequence = id;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Saves a header and f32 [layers][length][width]: positions beyond the length, which hold anything, are left out, so
// equal caches give equal bytes.

#include "runtime/src/saved_sequence.h"

#include "runtime/src/hash.h"

#include <string.h>

namespace fathom::runtime {

namespace {

struct SavedHeader {
  char magic[8];
  uint64_t identity;
  uint32_t layers;
  uint32_t width;
  uint32_t length;
  uint32_t reserved;
  uint64_t payload_hash;
};

constexpr char kMagic[8] = {'\177', 'F', 'T', 'H', 'M', 'K', 'V', '1'};

// The bytes of position |position| in layer |layer|.
float *locate(const Sequence &sequence, const PageShape &shape, uint32_t layer, uint32_t position) {
  uint64_t row = uint64_t(layer) * FATHOM_PAGE_TOKENS + position % FATHOM_PAGE_TOKENS;
  return sequence.pages[position / FATHOM_PAGE_TOKENS] + row * shape.width;
}

fathom_status_t savedSize(const PageShape &shape, uint32_t length, uint64_t *size) {
  if (!multiply(uint64_t(shape.layers) * shape.width, uint64_t(length) * sizeof(float), size) ||
      __builtin_add_overflow(*size, sizeof(SavedHeader), size)) {
    return fail(FATHOM_STATUS_BAD_DATA, "saved sequence: impossible length %u", length);
  }
  return FATHOM_STATUS_OK;
}

} // namespace

fathom_status_t saveSequence(Session &session, const Sequence &sequence, void *buffer, size_t capacity,
                             size_t *outSize) {
  const PageShape &shape = session.cache().shape();
  uint64_t size;
  FATHOM_RETURN_IF_ERROR(savedSize(shape, sequence.length, &size));
  *outSize = size;
  if (size > capacity) {
    return fail(FATHOM_STATUS_TOO_SMALL, "the buffer has %zu bytes, needed are %llu", capacity,
                static_cast<unsigned long long>(size));
  }
  char *payload = static_cast<char *>(buffer) + sizeof(SavedHeader);
  size_t row = shape.width * sizeof(float);
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    for (uint32_t position = 0; position < sequence.length; ++position) {
      size_t index = size_t(layer) * sequence.length + position;
      memcpy(payload + index * row, locate(sequence, shape, layer, position), row);
    }
  }
  SavedHeader header = {};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.identity = session.model().identity();
  header.layers = shape.layers;
  header.width = shape.width;
  header.length = sequence.length;
  header.payload_hash = hash64(payload, size - sizeof(header));
  memcpy(buffer, &header, sizeof(header));
  return FATHOM_STATUS_OK;
}

static fathom_status_t checkSaved(Session &session, const void *data, size_t size, SavedHeader *header) {
  const PageShape &shape = session.cache().shape();
  if (size >= sizeof(*header)) {
    memcpy(header, data, sizeof(*header));
  }
  if (size < sizeof(*header) || memcmp(header->magic, kMagic, sizeof(kMagic)) != 0 || header->reserved != 0) {
    return fail(FATHOM_STATUS_MISMATCH, "not a saved sequence");
  }
  if (header->identity != session.model().identity() || header->layers != shape.layers ||
      header->width != shape.width) {
    return fail(FATHOM_STATUS_MISMATCH, "the saved sequence belongs to another artifact; compute it again");
  }
  uint64_t expected;
  FATHOM_RETURN_IF_ERROR(savedSize(shape, header->length, &expected));
  const char *payload = static_cast<const char *>(data) + sizeof(*header);
  if (size != expected) {
    return fail(FATHOM_STATUS_MISMATCH, "the saved sequence is damaged: expected %llu bytes, found %zu",
                static_cast<unsigned long long>(expected), size);
  }
  if (hash64(payload, size - sizeof(*header)) != header->payload_hash) {
    return fail(FATHOM_STATUS_MISMATCH,
                "the saved sequence is damaged: its bytes do not have the hash it was saved with");
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
  size_t row = header.width * sizeof(float);
  for (uint32_t layer = 0; layer < header.layers; ++layer) {
    for (uint32_t position = 0; position < header.length; ++position) {
      size_t index = size_t(layer) * header.length + position;
      memcpy(locate(*sequence, cache.shape(), layer, position), payload + index * row, row);
    }
  }
  sequence->length = header.length;
  *outSequence = id;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

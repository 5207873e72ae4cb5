// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Saves a header and, of each store, [layers][heads][length][width], where layers that draft have rows of the positions
// that they have drafted alone: rows that hold anything are left out, so equal caches give equal bytes. What waits to
// be drafted follows: its tokens, and its hidden states.

#include "runtime/src/saved_sequence.h"

#include "runtime/src/hash.h"
#include "runtime/src/memory.h"
#include "runtime/src/stores.h"

#include <algorithm>
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
  /// As in DraftState.
  uint32_t drafted;
  uint32_t waiting;
  uint32_t reserved;
};
} // namespace

static constexpr char kMagic[8] = {'\177', 'F', 'T', 'H', 'M', 'K', 'V', '4'};

// Calls |copy| with the rows of |sequence| in the order of the file, as many at once as lie side by side: where they
// are among the pages, their bytes, and where they are in a saved payload. Says where what comes after rows is.
template <typename Copy>
static fathom_status_t forEachRun(const Session &session, const Sequence &sequence, const SavedHeader &header,
                                  uint64_t *saved, Copy copy) {
  CacheMemory cache = session.cache().memory();
  *saved = 0;
  for (const artifact::Store *store : *session.model().contents().cache()->stores()) {
    uint64_t drafts = draftRowsOf(session.model().contents(), *store);
    for (uint64_t row = 0; row < rowsOf(*store); ++row) {
      uint32_t length = row < rowsOf(*store) - drafts ? header.length : header.drafted;
      for (uint32_t position = 0; position < length; position += FATHOM_PAGE_TOKENS) {
        uint64_t bytes = std::min<uint32_t>(length - position, FATHOM_PAGE_TOKENS) * rowBytes(*store);
        uint64_t place = rowOffset(cache, sequence.pages.data(), *store, row, position);
        FATHOM_RETURN_IF_ERROR(copy(place, bytes, *saved));
        *saved += bytes;
      }
    }
  }
  return FATHOM_STATUS_OK;
}

static constexpr size_t kHashedFrom = offsetof(SavedHeader, identity);

static fathom_status_t savedSize(const Model &model, const SavedHeader &header, uint64_t *size) {
  uint64_t drafts = draftBytes(model.contents()), own = positionBytes(model.contents()) - drafts;
  uint64_t wait = sizeof(int32_t) + uint64_t(model.facts().hidden()) * sizeof(float);
  if (!multiply(own, header.length, &own) || !multiply(drafts, header.drafted, &drafts) ||
      !multiply(wait, header.waiting, &wait) || __builtin_add_overflow(own, drafts, size) ||
      __builtin_add_overflow(*size, wait + sizeof(header), size)) {
    return fail(FATHOM_STATUS_BAD_DATA, "saved sequence: impossible length %u", header.length);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t saveSequence(Session &session, const Sequence &sequence, void *buffer, size_t capacity,
                             size_t *outSize) {
  const DraftState &draft = sequence.draft;
  SavedHeader header = {};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.identity = session.model().identity();
  header.length = sequence.length;
  header.drafted = draft.drafted;
  header.waiting = draft.waiting;
  uint64_t size;
  FATHOM_RETURN_IF_ERROR(savedSize(session.model(), header, &size));
  *outSize = size;
  if (size > capacity) {
    return fail(FATHOM_STATUS_TOO_SMALL, "the buffer has %zu bytes, but %llu are needed", capacity,
                static_cast<unsigned long long>(size));
  }
  char *payload = static_cast<char *>(buffer) + sizeof(SavedHeader);
  uint64_t rows;
  FATHOM_RETURN_IF_ERROR(
      forEachRun(session, sequence, header, &rows, [&](uint64_t place, uint64_t bytes, uint64_t saved) {
        return session.cache().pages().readBack(place, payload + saved, bytes);
      }));
  if (draft.waiting > 0) {
    char *tokens = payload + rows, *hidden = tokens + draft.waiting * sizeof(int32_t);
    memcpy(tokens, draft.tokens.data(), draft.waiting * sizeof(int32_t));
    memcpy(hidden, draft.hidden.data(), draft.waiting * session.model().facts().hidden() * sizeof(float));
  }
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
    return fail(FATHOM_STATUS_MISMATCH, "the saved sequence belongs to another artifact: another model, or other "
                                        "options such as --cache-type; compute it again");
  }
  if (header->drafted > header->length || header->waiting > header->length - header->drafted ||
      header->waiting > DraftState::kMostWaiting) {
    return fail(FATHOM_STATUS_BAD_DATA, "saved sequence: %u tokens drafted and %u that wait do not fit its %u",
                header->drafted, header->waiting, header->length);
  }
  uint64_t expected;
  FATHOM_RETURN_IF_ERROR(savedSize(session.model(), *header, &expected));
  if (size != expected) {
    return fail(FATHOM_STATUS_BAD_DATA, "the saved sequence is damaged: expected %llu bytes, found %zu",
                static_cast<unsigned long long>(expected), size);
  }
  return FATHOM_STATUS_OK;
}

// |from|: tokens and hidden states of what waits to be drafted.
static fathom_status_t restoreWaiting(const Session &session, const SavedHeader &header, const char *from,
                                      DraftState *draft) {
  const artifact::Model &facts = session.model().facts();
  draft->drafted = header.drafted;
  draft->waiting = header.waiting;
  if (header.waiting == 0) {
    return FATHOM_STATUS_OK;
  }
  FATHOM_RETURN_IF_ERROR(draft->prepare(facts.hidden()));
  memcpy(draft->tokens.data(), from, header.waiting * sizeof(int32_t));
  memcpy(draft->hidden.data(), from + header.waiting * sizeof(int32_t),
         header.waiting * facts.hidden() * sizeof(float));
  for (uint32_t i = 0; i < header.waiting; ++i) {
    int32_t token = draft->tokens[i];
    if (token < 0 || static_cast<uint32_t>(token) >= facts.vocabulary()) {
      return fail(FATHOM_STATUS_BAD_DATA, "saved sequence: token %u is %d, expected 0 to %u", header.drafted + i, token,
                  facts.vocabulary() - 1);
    }
  }
  return FATHOM_STATUS_OK;
}

static fathom_status_t restoreInto(Session &session, const SavedHeader &header, const char *payload,
                                   Sequence *sequence) {
  FATHOM_RETURN_IF_ERROR(session.cache().reserve(sequence, header.length));
  uint64_t rows;
  FATHOM_RETURN_IF_ERROR(
      forEachRun(session, *sequence, header, &rows, [&](uint64_t place, uint64_t bytes, uint64_t saved) {
        return session.cache().pages().upload(place, payload + saved, bytes);
      }));
  FATHOM_RETURN_IF_ERROR(restoreWaiting(session, header, payload + rows, &sequence->draft));
  sequence->length = header.length;
  return FATHOM_STATUS_OK;
}

fathom_status_t restoreSequence(Session &session, const void *data, size_t size, fathom_sequence_t *outSequence) {
  SavedHeader header;
  FATHOM_RETURN_IF_ERROR(checkSaved(session, data, size, &header));
  fathom_sequence_t id;
  Sequence *sequence = nullptr;
  FATHOM_RETURN_IF_ERROR(session.cache().createSequence(&id));
  fathom_status_t status = session.cache().find(id, &sequence);
  if (status == FATHOM_STATUS_OK) {
    status = restoreInto(session, header, static_cast<const char *>(data) + sizeof(header), sequence);
  }
  if (status != FATHOM_STATUS_OK) {
    session.cache().destroySequence(id);
    return status;
  }
  *outSequence = id;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

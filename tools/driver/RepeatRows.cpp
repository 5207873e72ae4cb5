// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reaches under the C API, which has no way to say what a cache holds.

#include "tools/driver/RepeatRows.h"

#include "runtime/src/session.h"
#include "runtime/src/stores.h"

namespace fathom::driver {

using runtime::Cache;
using runtime::Sequence;
using runtime::Session;

/// The finalizer of SplitMix64: all output bits depend on all input bits.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

static fathom_status_t copyPosition(const artifact::Artifact &contents, Cache &cache, const Sequence &sequence,
                                    uint32_t from, uint32_t to) {
  auto offset = [&](const artifact::Store &store, uint64_t row, uint32_t position) {
    return runtime::rowOffset(cache.memory(), sequence.pages.data(), store, row, position);
  };
  for (const artifact::Store *store : *contents.cache()->stores()) {
    for (uint64_t row = 0; row < runtime::rowsOf(*store); ++row) {
      FATHOM_RETURN_IF_ERROR(
          cache.pages().copy(offset(*store, row, to), offset(*store, row, from), runtime::rowBytes(*store)));
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t repeatRows(fathom_session_t *handle, fathom_sequence_t id, uint32_t length, uint64_t seed) {
  runtime::Pin<Session> session(handle, __func__);
  FATHOM_RETURN_IF_ERROR(session.status);
  Cache &cache = session->cache();
  Sequence *sequence = nullptr;
  FATHOM_RETURN_IF_ERROR(cache.find(id, &sequence));
  uint32_t old = sequence->length;
  if (old == 0 || length <= old) {
    return runtime::fail(FATHOM_STATUS_INVALID_ARGUMENT, "a sequence of %u positions cannot be extended to %u", old,
                         length);
  }
  FATHOM_RETURN_IF_ERROR(cache.reserve(sequence, length));
  for (uint32_t position = old; position < length; ++position) {
    auto from = static_cast<uint32_t>(mix(seed + (uint64_t(position) << 32)) % old);
    FATHOM_RETURN_IF_ERROR(copyPosition(session->model().contents(), cache, *sequence, from, position));
  }
  sequence->length = length;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::driver

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of handles: one atomic word a slot holds its generation and its two reference counts.

#include "runtime/src/handle_table.h"

#include <atomic>

namespace fathom::runtime {

static constexpr uint64_t kSlots = 4096;
// A slot's word: generation (24 bits), references of the user (20), pins of running calls (20).
static constexpr uint64_t kPin = 1;
static constexpr uint64_t kReference = uint64_t(1) << 20;
static constexpr uint64_t kGeneration = uint64_t(1) << 40;
static constexpr uint64_t kCountMask = (uint64_t(1) << 20) - 1;
static constexpr uint64_t kGenerationMask = (uint64_t(1) << 24) - 1;

namespace {
struct Slot {
  std::atomic<uint64_t> word;
  std::atomic<void *> object;
  void (*end)(void *object);
};
} // namespace

static Slot slots[kSlots];

static uint64_t pins(uint64_t word) { return word & kCountMask; }
static uint64_t references(uint64_t word) { return (word / kReference) & kCountMask; }
static uint64_t generation(uint64_t word) { return (word / kGeneration) & kGenerationMask; }

// A handle: kind (8 bits), generation (24), slot (32).
static void *makeHandle(HandleKind kind, uint64_t generation, uint64_t slot) {
  return reinterpret_cast<void *>(static_cast<uint64_t>(kind) << 56 | generation << 32 | slot);
}

static const char *kindName(HandleKind kind) {
  switch (kind) {
  case HandleKind::kModel:
    return "model";
  case HandleKind::kSession:
    return "session";
  case HandleKind::kSampler:
    return "sampler";
  }
  return "object";
}

static Slot *findSlot(const void *handle) {
  uint64_t index = reinterpret_cast<uint64_t>(handle) & 0xffffffff;
  return index < kSlots ? &slots[index] : nullptr;
}

// Adds |amount| to the word of a slot that still holds what |handle| names; NULL if it does not.
static Slot *adjust(HandleKind kind, const void *handle, int64_t amount, uint64_t *after) {
  uint64_t bits = reinterpret_cast<uint64_t>(handle);
  Slot *slot = findSlot(handle);
  if (!slot || bits >> 56 != static_cast<uint64_t>(kind)) {
    return nullptr;
  }
  uint64_t word = slot->word.load(std::memory_order_acquire);
  do {
    bool full = references(word) == kCountMask || pins(word) == kCountMask;
    if (generation(word) != (bits >> 32 & kGenerationMask) || references(word) == 0 || (full && amount > 0)) {
      return nullptr;
    }
    *after = word + static_cast<uint64_t>(amount);
  } while (!slot->word.compare_exchange_weak(word, *after, std::memory_order_acq_rel));
  return slot;
}

// Ends the object if the count that was just taken away was the last: without references nobody can pin it again,
// so each generation gets here once.
static void endIfUnused(Slot *slot, uint64_t after) {
  if (references(after) != 0 || pins(after) != 0) {
    return;
  }
  slot->end(slot->object.load(std::memory_order_acquire));
  slot->word.store(((generation(after) + 1) & kGenerationMask) * kGeneration, std::memory_order_release);
  slot->object.store(nullptr, std::memory_order_release);
}

static fathom_status_t failHandle(HandleKind kind, const void *handle, const char *function) {
  if (!handle) {
    return failNull(function, kindName(kind));
  }
  return fail(FATHOM_STATUS_INVALID_HANDLE, "%s: not a %s, or one that was released", function, kindName(kind));
}

fathom_status_t insertHandle(HandleKind kind, void *object, void (*end)(void *object), void **outHandle) {
  for (uint64_t i = 0; i < kSlots; ++i) {
    void *expected = nullptr;
    if (!slots[i].object.compare_exchange_strong(expected, object, std::memory_order_acq_rel)) {
      continue;
    }
    slots[i].end = end;
    uint64_t word = slots[i].word.fetch_add(kReference, std::memory_order_acq_rel);
    *outHandle = makeHandle(kind, generation(word), i);
    return FATHOM_STATUS_OK;
  }
  return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "all %u handles are in use; release some", static_cast<unsigned>(kSlots));
}

fathom_status_t retainHandle(HandleKind kind, const void *handle, const char *function) {
  uint64_t after;
  return adjust(kind, handle, kReference, &after) ? FATHOM_STATUS_OK : failHandle(kind, handle, function);
}

fathom_status_t releaseHandle(HandleKind kind, const void *handle, const char *function) {
  uint64_t after;
  Slot *slot = adjust(kind, handle, -static_cast<int64_t>(kReference), &after);
  if (!slot) {
    return failHandle(kind, handle, function);
  }
  endIfUnused(slot, after);
  return FATHOM_STATUS_OK;
}

fathom_status_t pinHandle(HandleKind kind, const void *handle, const char *function, void **outObject) {
  uint64_t after;
  Slot *slot = adjust(kind, handle, kPin, &after);
  if (!slot) {
    return failHandle(kind, handle, function);
  }
  *outObject = slot->object.load(std::memory_order_acquire);
  return FATHOM_STATUS_OK;
}

void unpinHandle(const void *handle) {
  Slot *slot = findSlot(handle);
  endIfUnused(slot, slot->word.fetch_sub(kPin, std::memory_order_acq_rel) - kPin);
}

} // namespace fathom::runtime

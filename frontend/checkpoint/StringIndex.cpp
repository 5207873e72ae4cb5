// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The hash table of StringIndex.h: open addressing, at most half full.

#include "frontend/checkpoint/StringIndex.h"

#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace fathom::checkpoint {

static uint64_t processSeed() {
  static const uint64_t seed = [] {
    uint64_t value = 0x9e3779b97f4a7c15;
    // Without entropy the table still works; only the protection against chosen collisions is gone.
    (void)!getrandom(&value, sizeof value, GRND_NONBLOCK);
    return value;
  }();
  return seed;
}

static uint32_t hashOf(llvm::StringRef key) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(key.data(), key.size(), processSeed()));
}

void StringIndex::reserve(size_t count) {
  keys.reserve(count);
  hashes.reserve(count);
  size_t wanted = 16;
  while (wanted < 2 * count) {
    wanted *= 2;
  }
  if (wanted > slots.size()) {
    rehash(wanted);
  }
}

void StringIndex::rehash(size_t slotCount) {
  slots.assign(slotCount, 0);
  for (uint32_t number = 0; number < keys.size(); ++number) {
    size_t slot = hashes[number] & (slotCount - 1);
    while (slots[slot] != 0) {
      slot = (slot + 1) & (slotCount - 1);
    }
    slots[slot] = number + 1;
  }
}

size_t StringIndex::slotOf(llvm::StringRef key, uint32_t hash) const {
  size_t slot = hash & (slots.size() - 1);
  while (slots[slot] != 0) {
    uint32_t number = slots[slot] - 1;
    if (hashes[number] == hash && keys[number] == key) {
      break;
    }
    slot = (slot + 1) & (slots.size() - 1);
  }
  return slot;
}

std::pair<uint32_t, bool> StringIndex::insert(llvm::StringRef key) {
  if (2 * (keys.size() + 1) > slots.size()) {
    rehash(slots.empty() ? 32 : 2 * slots.size());
  }
  uint32_t hash = hashOf(key);
  size_t slot = slotOf(key, hash);
  if (slots[slot] != 0) {
    return {slots[slot] - 1, false};
  }
  keys.push_back(key);
  hashes.push_back(hash);
  slots[slot] = static_cast<uint32_t>(keys.size());
  return {slots[slot] - 1, true};
}

std::optional<uint32_t> StringIndex::find(llvm::StringRef key) const {
  if (keys.empty()) {
    return std::nullopt;
  }
  size_t slot = slotOf(key, hashOf(key));
  if (slots[slot] == 0) {
    return std::nullopt;
  }
  return slots[slot] - 1;
}

} // namespace fathom::checkpoint

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's hash table with a hash of our own: its own has no seed.

#include "frontend/checkpoint/StringIndex.h"

#include "dialects/support/Hash.h"

#include <sys/random.h>

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

static llvm::CachedHashStringRef hashed(llvm::StringRef key) {
  return {key, static_cast<uint32_t>(hashBytes(key, processSeed()))};
}

void StringIndex::reserve(size_t count) {
  keys.reserve(count);
  numbers.reserve(count);
}

std::pair<uint32_t, bool> StringIndex::insert(llvm::StringRef key) {
  auto [place, isNew] = numbers.try_emplace(hashed(key), static_cast<uint32_t>(keys.size()));
  if (isNew) {
    keys.push_back(key);
  }
  return {place->second, isNew};
}

std::optional<uint32_t> StringIndex::find(llvm::StringRef key) const {
  auto place = numbers.find(hashed(key));
  return place == numbers.end() ? std::nullopt : std::optional<uint32_t>(place->second);
}

} // namespace fathom::checkpoint

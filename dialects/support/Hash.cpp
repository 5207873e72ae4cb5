// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XXH3-64, the hash of artifacts.

#include "dialects/support/Hash.h"

#include <algorithm>

// The functions become part of this file: no library is needed at run time.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace fathom {

struct RunningHash::State {
  XXH3_state_t value;
};

RunningHash::RunningHash() : state(std::make_unique<State>()) { XXH3_64bits_reset(&state->value); }

RunningHash::~RunningHash() = default;

void RunningHash::update(llvm::StringRef bytes) { XXH3_64bits_update(&state->value, bytes.data(), bytes.size()); }

void RunningHash::updateZeros(uint64_t count) {
  static const char zeros[4096] = {};
  while (count > 0) {
    size_t step = std::min<uint64_t>(count, sizeof(zeros));
    update(llvm::StringRef(zeros, step));
    count -= step;
  }
}

uint64_t RunningHash::digest() const { return XXH3_64bits_digest(&state->value); }

uint64_t hashBytes(llvm::StringRef bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

} // namespace fathom

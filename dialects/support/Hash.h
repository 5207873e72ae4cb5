// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XXH3-64, the hash of artifacts and of what they refer to.

#ifndef FATHOM_DIALECTS_SUPPORT_HASH_H
#define FATHOM_DIALECTS_SUPPORT_HASH_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <memory>

namespace fathom {

/// XXH3-64 of bytes that come in pieces.
class RunningHash {
public:
  RunningHash();
  ~RunningHash();
  RunningHash(const RunningHash &) = delete;
  RunningHash &operator=(const RunningHash &) = delete;

  void update(llvm::StringRef bytes);
  /// Adds `count` zero bytes.
  void updateZeros(uint64_t count);
  /// The hash of everything so far.
  uint64_t digest() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

/// XXH3-64 of `bytes`.
uint64_t hashBytes(llvm::StringRef bytes, uint64_t seed = 0);

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_HASH_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From strings of hostile files to small integers, in linear time whatever the strings are.

#ifndef FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H
#define FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H

#include "llvm/ADT/CachedHashString.h"
#include "llvm/ADT/DenseMap.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace fathom::checkpoint {

/// The n-th distinct string inserted has number n. Strings are not copied. The hash is seeded per process, so no file
/// can be made to collide; nothing observable depends on the seed.
class StringIndex {
public:
  /// Prepares for `count` strings.
  void reserve(size_t count);
  /// The string's number, and whether it is new.
  std::pair<uint32_t, bool> insert(llvm::StringRef key);
  /// The string's number, if it was inserted.
  std::optional<uint32_t> find(llvm::StringRef key) const;
  size_t size() const { return keys.size(); }
  llvm::StringRef key(uint32_t number) const { return keys[number]; }

private:
  std::vector<llvm::StringRef> keys;
  llvm::DenseMap<llvm::CachedHashStringRef, uint32_t> numbers;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H

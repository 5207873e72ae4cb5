// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From strings of hostile files to small integers, in linear time whatever the strings are.

#ifndef FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H
#define FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace fathom::checkpoint {

/// An insert-only hash table: the n-th distinct string inserted has number n. Strings are not copied. The
/// hash is seeded per process, so no file can be made to collide; nothing observable depends on the seed.
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
  void rehash(size_t slotCount);
  size_t slotOf(llvm::StringRef key, uint32_t hash) const;

  std::vector<llvm::StringRef> keys;
  std::vector<uint32_t> hashes;
  /// Number + 1 of the string in each slot, 0 where empty; a power of two of them.
  std::vector<uint32_t> slots;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_STRINGINDEX_H

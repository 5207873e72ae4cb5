// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding added tokens in a text: leftmost first, longest of those that start there.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_ADDED_TOKENS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_ADDED_TOKENS_H

#include "fathom/tokenizer_generated.h"

#include <cstdint>
#include <string_view>

namespace fathom::tokenizer {

/// The bytes of a token; `id` is in range.
std::string_view tokenBytes(const artifact::Tokenizer &table, uint32_t id);

/// A found token, and what it takes of the text: lstrip and rstrip take white space around it too.
struct AddedMatch {
  size_t begin;
  size_t end;
  uint32_t id;
};

/// Walks over a text. A byte whose mark is not 0 is not part of a token; no marks: all may be. Linear in the text for a
/// fixed table: FATHOM_MAX_ADDED_TOKEN bounds the work at a position.
class AddedTokenFinder {
public:
  AddedTokenFinder(const artifact::Tokenizer &table, const artifact::AddedTokens &group, std::string_view text,
                   const char *marks = nullptr)
      : table(table), group(group), text(text), marks(marks) {}

  /// The next match, or false at the end of the text.
  bool next(AddedMatch &match);

private:
  bool isMarked(size_t place) const { return marks != nullptr && marks[place] != 0; }
  bool longestAt(size_t at, AddedMatch &match, artifact::AddedTokenFlags &flags) const;
  bool standsAlone(const AddedMatch &match) const;
  void strip(AddedMatch &match, artifact::AddedTokenFlags flags) const;

  const artifact::Tokenizer &table;
  const artifact::AddedTokens &group;
  std::string_view text;
  const char *marks;
  /// Where to look next, and the end of what earlier matches took.
  size_t at = 0;
  size_t taken = 0;
};

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_ADDED_TOKENS_H

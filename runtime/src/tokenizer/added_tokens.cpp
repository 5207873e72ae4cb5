// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Added tokens, as the tokenizers library finds them.

#include "runtime/src/tokenizer/added_tokens.h"

#include "runtime/src/tokenizer/scan.h"

namespace fathom::tokenizer {

static bool has(artifact::AddedTokenFlags flags, artifact::AddedTokenFlags flag) {
  return (flags & flag) != artifact::AddedTokenFlags::NONE;
}

std::string_view tokenBytes(const artifact::Tokenizer &table, uint32_t id) {
  const uint32_t *offsets = table.token_offsets()->data();
  const char *bytes = reinterpret_cast<const char *>(table.token_bytes()->data());
  return {bytes + offsets[id], offsets[id + 1] - offsets[id]};
}

/// Narrows the range of tokens that share the text's next bytes, byte by byte. Within the range the one that
/// is exactly that long comes first.
bool AddedTokenFinder::longestAt(size_t start, AddedMatch &match, artifact::AddedTokenFlags &flags) const {
  uint8_t first = uint8_t(text[start]);
  uint32_t low = group.first()->Get(first);
  uint32_t high = group.first()->Get(first + 1u);
  bool found = false;
  for (size_t length = 1; low < high; ++length) {
    const artifact::AddedToken *token = group.tokens()->Get(low);
    if (tokenBytes(table, token->id()).size() == length) {
      match = {start, start + length, token->id()};
      flags = token->flags();
      found = true;
      ++low;
    }
    if (start + length == text.size() || isMarked(start + length)) {
      break;
    }
    uint8_t wanted = uint8_t(text[start + length]);
    auto bound = [&](uint32_t from, uint32_t to, bool upper) {
      while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        uint8_t byte = uint8_t(tokenBytes(table, group.tokens()->Get(middle)->id())[length]);
        bool goRight = upper ? byte <= wanted : byte < wanted;
        from = goRight ? middle + 1 : from;
        to = goRight ? to : middle;
      }
      return from;
    };
    low = bound(low, high, false);
    high = bound(low, high, true);
  }
  return found;
}

bool AddedTokenFinder::standsAlone(const AddedMatch &match) const {
  bool wordBefore = match.begin > 0 && isWordCharacter(decode(text, characterBefore(text, match.begin)).value);
  bool wordAfter = match.end < text.size() && isWordCharacter(decode(text, match.end).value);
  return !wordBefore && !wordAfter;
}

void AddedTokenFinder::strip(AddedMatch &match, artifact::AddedTokenFlags flags) const {
  if (has(flags, artifact::AddedTokenFlags::lstrip)) {
    while (match.begin > taken) {
      size_t before = characterBefore(text, match.begin);
      if (before < taken || !scan(text, before).is(kSpace)) {
        break;
      }
      match.begin = before;
    }
  }
  if (has(flags, artifact::AddedTokenFlags::rstrip)) {
    match.end = runOf(text, match.end, kSpace);
  }
}

bool AddedTokenFinder::next(AddedMatch &match) {
  while (at < text.size()) {
    artifact::AddedTokenFlags flags = artifact::AddedTokenFlags::NONE;
    if (isMarked(at) || !longestAt(at, match, flags)) {
      ++at;
      continue;
    }
    at = match.end;
    if (has(flags, artifact::AddedTokenFlags::single_word) && !standsAlone(match)) {
      continue;
    }
    strip(match, flags);
    at = match.end;
    taken = match.end;
    return true;
  }
  return false;
}

} // namespace fathom::tokenizer

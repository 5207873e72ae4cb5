// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the scanners of all pre-tokenizers share. A matcher takes a text and a position and returns the end of
// the match that starts there, or the position when there is none. To keep scanners linear it must find in
// constant time that there is none.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_SCAN_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_SCAN_H

#include "runtime/src/tokenizer/unicode.h"

namespace fathom::tokenizer {

/// A character and its classes; of size 0 at the end of the text.
struct Scanned {
  uint32_t value;
  uint32_t size;
  uint8_t classes;

  bool is(unsigned mask) const { return (classes & mask) != 0; }
};

inline Scanned scan(std::string_view text, size_t at) {
  if (at >= text.size()) {
    return {kInvalid, 0, 0};
  }
  Character c = decode(text, at);
  return {c.value, c.size, classify(c.value)};
}

/// The end of the run of characters of `mask`'s classes that starts at `at`, or of those of none of them.
inline size_t runOf(std::string_view text, size_t at, unsigned mask, bool of = true) {
  for (;;) {
    Scanned c = scan(text, at);
    if (c.size == 0 || c.is(mask) != of) {
      return at;
    }
    at += c.size;
  }
}

/// Alternatives that end the patterns: \s*[\r\n]+ | \s+(?!\S) | \s+
inline size_t matchSpace(std::string_view text, size_t at) {
  size_t lastNewline = at;
  size_t lastStart = at;
  size_t end = at;
  for (Scanned c = scan(text, end); c.is(kSpace); c = scan(text, end)) {
    lastStart = end;
    end += c.size;
    lastNewline = c.is(kNewline) ? end : lastNewline;
  }
  if (lastNewline != at) {
    return lastNewline;
  }
  // A space before a word belongs to the word, unless it is the only one.
  bool leaveLast = end < text.size() && lastStart != at;
  return leaveLast ? lastStart : end;
}

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_SCAN_H

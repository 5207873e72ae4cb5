// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scanners, one for each artifact::Matcher; tokenizer.fbs has the regular expressions they stand for.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_MATCHERS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_MATCHERS_H

#include "fathom/tokenizer_generated.h"
#include "runtime/src/tokenizer/cased_letters.h"
#include "runtime/src/tokenizer/scan.h"

namespace fathom::tokenizer {

inline bool isAsciiLetter(uint32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

inline bool isAsciiPunctuation(uint32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// The end of the longest run of characters for which `isMember` holds.
template <class Member>
size_t runOfMembers(std::string_view text, size_t at, Member isMember) {
  for (Scanned c = scan(text, at); isMember(c); c = scan(text, at)) {
    at += c.size;
  }
  return at;
}

/// number, numbers_1_to_3: at most `limit` numbers.
inline size_t matchNumbers(std::string_view text, size_t at, int limit) {
  for (int n = 0; n < limit; ++n) {
    Scanned c = scan(text, at);
    if (!c.is(kNumber)) {
      break;
    }
    at += c.size;
  }
  return at;
}

inline size_t matchNewline(std::string_view text, size_t at) {
  return text[at] == '\r' || text[at] == '\n' ? at + 1 : at;
}

/// What (?i:...) of the contractions lets through: ASCII letters in both cases, and the long s for s.
inline uint32_t foldAscii(uint32_t c) {
  if (c == 0x17F) {
    return 's';
  }
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

inline size_t matchContraction(std::string_view text, size_t at) {
  if (text[at] != '\'') {
    return at;
  }
  Scanned first = scan(text, at + 1);
  uint32_t a = foldAscii(first.value);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') {
    return at + 1 + first.size;
  }
  uint32_t b = foldAscii(scan(text, at + 1 + first.size).value);
  bool two = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
  return two ? at + 3 : at;
}

/// word and word_with_marks: a run of `word` classes, after at most one character that is of no class in `notBefore`.
inline size_t matchWord(std::string_view text, size_t at, unsigned word, unsigned notBefore) {
  Scanned first = scan(text, at);
  if (!first.is(notBefore) && scan(text, at + first.size).is(word)) {
    return runOf(text, at + first.size, word);
  }
  return first.is(word) ? runOf(text, at + first.size, word) : at;
}

inline size_t matchAsciiSignWord(std::string_view text, size_t at) {
  if (!isAsciiPunctuation(uint8_t(text[at]))) {
    return at;
  }
  size_t end = at + 1;
  while (end < text.size() && isAsciiLetter(uint8_t(text[end]))) {
    ++end;
  }
  return end == at + 1 ? at : end;
}

/// signs and punctuation_and_symbols: ␣?X+[\r\n]* where X are the characters that are (`of`), or are not, of `mask`.
inline size_t matchSigns(std::string_view text, size_t at, unsigned mask, bool of) {
  size_t start = text[at] == ' ' ? at + 1 : at;
  size_t end = runOf(text, start, mask, of);
  return end == start ? at : runOf(text, end, kNewline);
}

/// spaced_...: \s?X+ where `isMember` tells X.
template <class Member>
size_t matchSpaced(std::string_view text, size_t at, Member isMember) {
  Scanned first = scan(text, at);
  if (first.is(kSpace) && isMember(scan(text, at + first.size))) {
    return runOfMembers(text, at + first.size, isMember);
  }
  return runOfMembers(text, at, isMember);
}

inline bool isWideSign(const Scanned &c) {
  uint32_t v = c.value;
  return (v >= '!' && v <= '/') || (v >= ':' && v <= '~') || (v >= 0xFF01 && v <= 0xFF0F) ||
         (v >= 0xFF1A && v <= 0xFF5E) || (v >= 0x2018 && v <= 0x201F) || (v >= 0x3000 && v <= 0x3002);
}

/// Two ranges of characters, repeated.
inline size_t matchRanges(std::string_view text, size_t at, uint32_t first, uint32_t last, uint32_t first2,
                          uint32_t last2) {
  while (at < text.size()) {
    Character c = decode(text, at);
    if (!((c.value >= first && c.value <= last) || (c.value >= first2 && c.value <= last2))) {
      break;
    }
    at += c.size;
  }
  return at;
}

/// The end of the match that starts at `at` < text.size(), or `at`.
inline size_t match(artifact::Matcher matcher, std::string_view text, size_t at) {
  using artifact::Matcher;
  constexpr unsigned notSigns = kSpace | kLetter | kNumber;
  auto isLetter = [](const Scanned &c) { return c.is(kLetter); };
  auto isCasedLetter = [](const Scanned &c) { return isCasedLetterLlm(c.value); };
  auto isPunctuation = [](const Scanned &c) { return c.is(kPunctuation); };
  switch (matcher) {
  case Matcher::number:
    return matchNumbers(text, at, 1);
  case Matcher::numbers_1_to_3:
    return matchNumbers(text, at, 3);
  case Matcher::numbers:
    return runOf(text, at, kNumber);
  case Matcher::newline:
    return matchNewline(text, at);
  case Matcher::spaces:
    return matchSpace(text, at);
  case Matcher::trailing_space: // Found from the text's end: see isolateTrailingSpace.
    return at;
  case Matcher::contraction:
    return matchContraction(text, at);
  case Matcher::word:
    return matchWord(text, at, kLetter, kNewline | kLetter | kNumber);
  case Matcher::word_with_marks:
    return matchWord(text, at, kLetter | kMark, kNewline | kLetter | kPunctuation | kSymbol);
  case Matcher::ascii_sign_word:
    return matchAsciiSignWord(text, at);
  case Matcher::spaced_letters:
    return matchSpaced(text, at, isLetter);
  case Matcher::spaced_cased_letters:
    return matchSpaced(text, at, isCasedLetter);
  case Matcher::signs:
    return matchSigns(text, at, notSigns, false);
  case Matcher::punctuation_and_symbols:
    return matchSigns(text, at, kPunctuation | kSymbol, true);
  case Matcher::spaced_punctuation:
    return matchSpaced(text, at, isPunctuation);
  case Matcher::spaced_wide_signs:
    return matchSpaced(text, at, isWideSign);
  case Matcher::cjk_and_hangul:
    return matchRanges(text, at, 0x0800, 0x9FA5, 0xAC00, 0xD7FF);
  case Matcher::cjk_and_kana:
    return matchRanges(text, at, 0x4E00, 0x9FA5, 0x3040, 0x30FF);
  }
  return at;
}

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_MATCHERS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scanners. Each matcher's comment is the pattern it stands for.

#include "runtime/src/tokenizer/split.h"

#include "runtime/src/tokenizer/cased_letters.h"
#include "runtime/src/tokenizer/scan.h"

namespace fathom::tokenizer {

namespace {

bool isAsciiLetter(uint32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool isAsciiPunctuation(uint32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// \p{N}{1,3}
size_t matchNumbers(std::string_view text, size_t at) {
  for (int n = 0; n < 3; ++n) {
    Scanned c = scan(text, at);
    if (!c.is(kNumber)) {
      break;
    }
    at += c.size;
  }
  return at;
}

/// [一-龥぀-ゟ゠-ヿ]+
size_t matchCjkV3(std::string_view text, size_t at) {
  while (at < text.size()) {
    Character c = decode(text, at);
    if (!((c.value >= 0x4E00 && c.value <= 0x9FA5) || (c.value >= 0x3040 && c.value <= 0x30FF))) {
      break;
    }
    at += c.size;
  }
  return at;
}

/// [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ and Qwen's [^\r\n\p{L}\p{N}]?\p{L}+: a run of `word` classes, behind
/// at most one character that is of no class in `notBefore`.
size_t matchWord(std::string_view text, size_t at, unsigned word, unsigned notBefore) {
  Scanned first = scan(text, at);
  if (!first.is(notBefore) && scan(text, at + first.size).is(word)) {
    return runOf(text, at + first.size, word);
  }
  return first.is(word) ? runOf(text, at + first.size, word) : at;
}

/// The third split of DeepSeek-V3:
/// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+ | [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ |
/// ␣?[\p{P}\p{S}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
size_t matchV3(std::string_view text, size_t at) {
  Scanned first = scan(text, at);
  if (isAsciiPunctuation(first.value) && isAsciiLetter(scan(text, at + 1).value)) {
    size_t end = at + 1;
    while (end < text.size() && isAsciiLetter(uint8_t(text[end]))) {
      ++end;
    }
    return end;
  }
  size_t end = matchWord(text, at, kLetter | kMark, kNewline | kLetter | kPunctuation | kSymbol);
  if (end != at) {
    return end;
  }
  constexpr unsigned signs = kPunctuation | kSymbol;
  size_t start = first.value == ' ' ? at + 1 : at;
  if (scan(text, start).is(signs)) {
    return runOf(text, runOf(text, start, signs), kNewline);
  }
  return first.is(kSpace) ? matchSpace(text, at) : at;
}

/// What (?i:...) of the contractions lets through: ASCII letters in both cases, and the long s for s.
uint32_t foldAscii(uint32_t c) {
  if (c == 0x17F) {
    return 's';
  }
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)
size_t matchContraction(std::string_view text, size_t at) {
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

/// (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ␣?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ |
/// \s+(?!\S) | \s+
size_t matchQwen(std::string_view text, size_t at) {
  size_t end = matchContraction(text, at);
  if (end == at) {
    end = matchWord(text, at, kLetter, kNewline | kLetter | kNumber);
  }
  if (end != at) {
    return end;
  }
  Scanned first = scan(text, at);
  if (first.is(kNumber)) {
    return at + first.size;
  }
  constexpr unsigned notSigns = kSpace | kLetter | kNumber;
  size_t start = first.value == ' ' ? at + 1 : at;
  Scanned sign = scan(text, start);
  if (sign.size != 0 && !sign.is(notSigns)) {
    return runOf(text, runOf(text, start, notSigns, false), kNewline);
  }
  return matchSpace(text, at);
}

/// [\r\n]
size_t matchNewline(std::string_view text, size_t at) { return text[at] == '\r' || text[at] == '\n' ? at + 1 : at; }

/// \s?X+ where `isMember` tells X.
template <class Member>
size_t matchSpaceThen(std::string_view text, size_t at, Member isMember) {
  Scanned first = scan(text, at);
  size_t end = at;
  if (first.is(kSpace) && isMember(scan(text, at + first.size))) {
    end = at + first.size;
  } else if (!isMember(first)) {
    return at;
  }
  for (Scanned c = scan(text, end); isMember(c); c = scan(text, end)) {
    end += c.size;
  }
  return end;
}

/// [!-/:-~！-／：-～‘-‟　-。]
bool isSignLlm(const Scanned &c) {
  uint32_t v = c.value;
  return (v >= '!' && v <= '/') || (v >= ':' && v <= '~') || (v >= 0xFF01 && v <= 0xFF0F) ||
         (v >= 0xFF1A && v <= 0xFF5E) || (v >= 0x2018 && v <= 0x201F) || (v >= 0x3000 && v <= 0x3002);
}

/// [一-龥ࠀ-一가-퟿]+
size_t matchCjkLlm(std::string_view text, size_t at) {
  while (at < text.size()) {
    Character c = decode(text, at);
    if (!((c.value >= 0x0800 && c.value <= 0x9FA5) || (c.value >= 0xAC00 && c.value <= 0xD7FF))) {
      break;
    }
    at += c.size;
  }
  return at;
}

/// Digits with individual_digits: every \p{N} alone.
size_t matchDigit(std::string_view text, size_t at) {
  Scanned c = scan(text, at);
  return c.is(kNumber) ? at + c.size : at;
}

/// \s+$ isolated. Not a matcher: a run of spaces that does not reach the end is found out only at its own end.
template <class Sink>
bool isolateTrailingSpace(std::string_view text, Sink sink) {
  size_t start = text.size();
  for (size_t at = 0; at < text.size();) {
    Scanned c = scan(text, at);
    start = !c.is(kSpace) ? text.size() : (start == text.size() ? at : start);
    at += c.size;
  }
  return (start == 0 || sink(text.substr(0, start))) && (start == text.size() || sink(text.substr(start)));
}

bool splitDeepseekV3(std::string_view text, PieceSink sink) {
  auto words = [&](std::string_view part) { return isolate(part, matchV3, sink); };
  auto cjk = [&](std::string_view part) { return isolate(part, matchCjkV3, words); };
  return isolate(text, matchNumbers, cjk);
}

bool splitDeepseekLlm(std::string_view text, PieceSink sink) {
  auto isLetter = [](const Scanned &c) { return isCasedLetterLlm(c.value); };
  auto matchLetters = [&](std::string_view t, size_t at) { return matchSpaceThen(t, at, isLetter); };
  auto matchSigns = [](std::string_view t, size_t at) { return matchSpaceThen(t, at, isSignLlm); };
  auto digits = [&](std::string_view part) { return isolate(part, matchDigit, sink); };
  auto cjk = [&](std::string_view part) { return isolate(part, matchCjkLlm, digits); };
  auto trailing = [&](std::string_view part) { return isolateTrailingSpace(part, cjk); };
  auto signs = [&](std::string_view part) { return isolate(part, matchSigns, trailing); };
  auto letters = [&](std::string_view part) { return isolate(part, matchLetters, signs); };
  return isolate(text, matchNewline, letters);
}

bool splitDeepseekCoder(std::string_view text, PieceSink sink) {
  auto isLetter = [](const Scanned &c) { return c.is(kLetter); };
  auto isPunctuation = [](const Scanned &c) { return c.is(kPunctuation); };
  auto matchLetters = [&](std::string_view t, size_t at) { return matchSpaceThen(t, at, isLetter); };
  auto matchSigns = [&](std::string_view t, size_t at) { return matchSpaceThen(t, at, isPunctuation); };
  auto digits = [&](std::string_view part) { return isolate(part, matchDigit, sink); };
  auto cjk = [&](std::string_view part) { return isolate(part, matchCjkLlm, digits); };
  auto signs = [&](std::string_view part) { return isolate(part, matchSigns, cjk); };
  auto letters = [&](std::string_view part) { return isolate(part, matchLetters, signs); };
  return isolate(text, matchNewline, letters);
}

} // namespace

bool split(artifact::PreTokenizer preTokenizer, std::string_view text, PieceSink sink) {
  switch (preTokenizer) {
  case artifact::PreTokenizer::deepseek_v3:
    return splitDeepseekV3(text, sink);
  case artifact::PreTokenizer::qwen:
    return isolate(text, matchQwen, sink);
  case artifact::PreTokenizer::deepseek_llm:
    return splitDeepseekLlm(text, sink);
  case artifact::PreTokenizer::deepseek_coder:
    return splitDeepseekCoder(text, sink);
  }
  return false;
}

} // namespace fathom::tokenizer

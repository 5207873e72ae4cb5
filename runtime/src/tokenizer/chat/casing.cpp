// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// str.lower, upper, title and capitalize: Unicode's full mappings, of which some give several characters.

#include "runtime/src/tokenizer/chat/characters.h"
#include "runtime/src/tokenizer/chat/text.h"
#include "runtime/src/tokenizer/unicode.h"

#include <utf8proc.h>

namespace fathom::tokenizer::chat {

static constexpr uint32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;
static constexpr uint32_t kIota = 0x3B9, kIotaBelow = 0x345;
static constexpr uint32_t kDottedI = 0x130, kDotAbove = 0x307;

/// Whether the nearest character before `at`, of those that count, has a case.
static bool isCasedBefore(const Text &text, uint32_t at) {
  while (at > 0) {
    at = uint32_t(characterBefore(text.view(), at));
    uint32_t character = decode(text.view(), at).value;
    if (!isCaseIgnorable(character)) {
      return isCased(character);
    }
  }
  return false;
}

/// The same from `at` on.
static bool isCasedBehind(const Text &text, uint32_t at) {
  while (at < text.size) {
    Character c = decode(text.view(), at);
    if (!isCaseIgnorable(c.value)) {
      return isCased(c.value);
    }
    at += c.size;
  }
  return false;
}

namespace {
/// Appends the characters of a text, each in another case.
class Changer {
public:
  Changer(Run &run, const Text &text) : text(text), out(run) {}

  void lower(uint32_t at, Character c);
  void raise(uint32_t at, Character c, bool toTitle);
  Text finish() { return out.finish(); }

private:
  void append(uint32_t at, Character c, uint32_t other) {
    other == c.value ? out.append(text.slice(at, at + c.size)) : out.appendCharacter(other, text.isMarked(at));
  }

  const Text &text;
  Builder out;
};
} // namespace

void Changer::lower(uint32_t at, Character c) {
  if (c.value == kInvalid) {
    return append(at, c, c.value);
  }
  if (c.value == kDottedI) {
    append(at, c, 'i');
    return append(at, c, kDotAbove);
  }
  bool isFinal = c.value == kSigma && isCasedBefore(text, at) && !isCasedBehind(text, at + c.size);
  append(at, c, isFinal ? kFinalSigma : uint32_t(utf8proc_tolower(int32_t(c.value))));
}

/// Unicode's mappings to several upper letters are those of what case folding gives, one by one. A title has one upper
/// letter, and keeps an iota that is written below.
void Changer::raise(uint32_t at, Character c, bool toTitle) {
  int32_t self = int32_t(c.value), folded[4], unused = 0;
  bool single = c.value == kInvalid || isUpper(c.value) || (toTitle && isTitle(uint32_t(utf8proc_totitle(self))));
  utf8proc_ssize_t count = single ? 1 : utf8proc_decompose_char(self, folded, 4, UTF8PROC_CASEFOLD, &unused);
  if (count <= 1 || count > 4) {
    return append(at, c,
                  c.value == kInvalid ? c.value : uint32_t(toTitle ? utf8proc_totitle(self) : utf8proc_toupper(self)));
  }
  bool raises = true;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    uint32_t part = uint32_t(folded[i]), other = uint32_t(utf8proc_toupper(folded[i]));
    append(at, c, raises ? other : (part == kIota ? kIotaBelow : part));
    raises &= !toTitle || other == part;
  }
}

Text changeCase(Run &run, const Text &text, Case wanted) {
  Changer changer(run, text);
  bool inWord = false;
  for (uint32_t at = 0; at < text.size && run.step();) {
    Character c = decode(text.view(), at);
    if (wanted == Case::Lower || (wanted != Case::Upper && inWord)) {
      changer.lower(at, c);
    } else {
      changer.raise(at, c, wanted != Case::Upper);
    }
    inWord = wanted == Case::Capitalized || isCased(c.value);
    at += c.size;
  }
  return changer.finish();
}

bool isCased(const Text &text, bool upper) {
  bool cased = false;
  for (uint32_t at = 0; at < text.size;) {
    Character c = decode(text.view(), at);
    if ((upper ? isLower(c.value) : isUpper(c.value)) || isTitle(c.value)) {
      return false;
    }
    cased |= upper ? isUpper(c.value) : isLower(c.value);
    at += c.size;
  }
  return cased;
}

} // namespace fathom::tokenizer::chat

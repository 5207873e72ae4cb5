// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The expressions of the runtime's matchers, in canonical spelling.

#include "frontend/tokenizer/Patterns.h"

#include "fathom/tokenizer_abi.h"
#include "llvm/ADT/STLExtras.h"

namespace fathom::frontend {

namespace {
using artifact::Matcher;
using llvm::StringRef;
} // namespace

/// The same ranges as runtime/src/tokenizer/cased_letters.cpp.
#define CASED_LETTERS                                                                                                  \
  "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370"                   \
  "-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-"                   \
  "\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-"                        \
  "\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-"                        \
  "\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4"                    \
  "\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A"                   \
  "-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-"                   \
  "\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-"                    \
  "\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-"                        \
  "\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-"                      \
  "\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943"

static constexpr llvm::StringLiteral kSpacedCasedLetters = "\\s?[" CASED_LETTERS "]+";

llvm::StringRef getCasedLettersPattern() { return kSpacedCasedLetters; }

namespace {
struct Spelling {
  StringRef expression;
  Matcher matcher;
};
} // namespace

/// Possessive quantifiers make no difference where what follows is disjoint from what is repeated.
static const Spelling kSpellings[] = {
    {R"(\p{N})", Matcher::number},
    {R"(\p{N}{1,3})", Matcher::numbers_1_to_3},
    {R"(\p{N}+)", Matcher::numbers},
    {R"([\r\n])", Matcher::newline},
    {R"(\s*[\r\n]+|\s+(?!\S)|\s+)", Matcher::spaces},
    {R"(\s*[\r\n]|\s+(?!\S)|\s+)", Matcher::spaces},
    {R"(\s+$)", Matcher::trailing_space},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d))", Matcher::contraction},
    {R"('(?i:[sdmt]|ll|ve|re))", Matcher::contraction},
    {R"([^\r\n\p{L}\p{N}]?\p{L}+)", Matcher::word},
    {R"([^\r\n\p{L}\p{N}]?+\p{L}+)", Matcher::word},
    {R"([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)", Matcher::word_with_marks},
    {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)", Matcher::ascii_sign_word},
    {R"(\s?\p{L}+)", Matcher::spaced_letters},
    {kSpacedCasedLetters, Matcher::spaced_cased_letters},
    {R"( ?[^\s\p{L}\p{N}]+[\r\n]*)", Matcher::signs},
    {R"( ?[^\s\p{L}\p{N}]++[\r\n]*)", Matcher::signs},
    {R"( ?[\p{P}\p{S}]+[\r\n]*)", Matcher::punctuation_and_symbols},
    {R"(\s?\p{P}+)", Matcher::spaced_punctuation},
    {"\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+", Matcher::spaced_wide_signs},
    {"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", Matcher::cjk_and_hangul},
    {"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+", Matcher::cjk_and_kana},
};

/// One spelling for patterns that differ only in how they escape quotes, carriage returns and line feeds.
static std::string canonicalSpelling(StringRef pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '\r' || c == '\n') {
      out += c == '\r' ? "\\r" : "\\n";
    } else if (c == '\\' && i + 1 < pattern.size()) {
      ++i;
      out += pattern[i] == '"' ? "\"" : std::string({'\\', pattern[i]});
    } else {
      out.push_back(c);
    }
  }
  return out;
}

/// Takes the longest known expression off the front of `rest`, up to its end or to a '|'.
static std::optional<Matcher> takeMatcher(StringRef &rest) {
  const Spelling *best = nullptr;
  for (const Spelling &known : kSpellings) {
    StringRef after = rest;
    bool matches = after.consume_front(known.expression) && (after.empty() || after[0] == '|');
    if (matches && (!best || known.expression.size() > best->expression.size())) {
      best = &known;
    }
  }
  if (!best) {
    return std::nullopt;
  }
  rest = rest.drop_front(best->expression.size());
  return best->matcher;
}

static bool has(const Split &split, Matcher matcher) { return llvm::is_contained(split, matcher); }

std::optional<Split> compilePattern(StringRef pattern) {
  std::string canonical = canonicalSpelling(pattern);
  StringRef rest = canonical;
  Split split;
  do {
    std::optional<Matcher> matcher = takeMatcher(rest);
    if (!matcher || split.size() == FATHOM_MAX_ALTERNATIVES) {
      return std::nullopt;
    }
    split.push_back(*matcher);
  } while (rest.consume_front("|"));
  if (has(split, Matcher::trailing_space) && split.size() != 1) {
    return std::nullopt;
  }
  return split;
}

bool leavesNoGaps(const Split &split) {
  bool takesNumbers =
      has(split, Matcher::number) || has(split, Matcher::numbers_1_to_3) || has(split, Matcher::numbers);
  return takesNumbers && has(split, Matcher::word) && has(split, Matcher::signs) && has(split, Matcher::spaces);
}

} // namespace fathom::frontend

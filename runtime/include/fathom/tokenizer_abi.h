// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What writer and reader of tokenizer.fbs must agree on beyond its layout. Plain C, only headers of a freestanding one.

#ifndef FATHOM_TOKENIZER_ABI_H
#define FATHOM_TOKENIZER_ABI_H

#include <stddef.h>
#include <stdint.h>

/// `result` of an empty slot of the merge table, and an empty slot of `whole_words`.
#define FATHOM_NO_TOKEN 0xFFFFFFFFu

/// Most splits of a pre-tokenizer, and most alternatives of a split: they bound stack and time per character.
#define FATHOM_MAX_SPLITS 16
#define FATHOM_MAX_ALTERNATIVES 16

/// Longest text of an added token, in bytes: it bounds the work of looking for one at a position.
#define FATHOM_MAX_ADDED_TOKEN 1024

/// The slot at which the search for a pair of tokens starts, before masking with the number of slots less one.
/// A change of this function is a change of the artifact's major version.
static inline uint32_t fathom_merge_hash(uint32_t left, uint32_t right) {
  uint64_t key = ((uint64_t)left << 32) | right;
  key *= 0x9E3779B97F4A7C15u;
  return (uint32_t)(key >> 32) ^ (uint32_t)(key >> 15);
}

/// The same for a text and the table of whole words (FNV-1a).
static inline uint32_t fathom_text_hash(const char *text, size_t size) {
  uint32_t hash = 0x811C9DC5u;
  for (size_t i = 0; i < size; ++i) {
    hash = (hash ^ (uint8_t)text[i]) * 0x01000193u;
  }
  return hash;
}

/// Whether a character is a mark younger than Unicode 9, which is what the tokenizers library normalizes with: to it
/// they are characters that neither move nor compose, and ids must equal its own.
static inline int fathom_is_young_mark(uint32_t character) {
  static const uint32_t ranges[][2] = {
      {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},   {0x0C3C, 0x0C3C},
      {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
      {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
      {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
      {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0},
      {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
      {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
      {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
  };
  size_t low = 0;
  size_t high = sizeof(ranges) / sizeof(ranges[0]);
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (character > ranges[middle][1]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < sizeof(ranges) / sizeof(ranges[0]) && character >= ranges[low][0];
}

/// An absent operand of a chat template's node.
#define FATHOM_NO_NODE 0xFFFFFFFFu

/// The most nodes between a chat template's root and a leaf.
#define FATHOM_MAX_CHAT_DEPTH 1000

/// X(name in templates, function in runtime/src/tokenizer/chat): the filters and tests of chat templates. A node says
/// its filter by its place in the list, so the lists grow at the end only.
#define FATHOM_CHAT_FILTERS(X)                                                                                         \
  X("abs", absolute)                                                                                                   \
  X("batch", batch)                                                                                                    \
  X("capitalize", capitalize)                                                                                          \
  X("center", center)                                                                                                  \
  X("count", length)                                                                                                   \
  X("d", defaultTo)                                                                                                    \
  X("default", defaultTo)                                                                                              \
  X("dictsort", sortDict)                                                                                              \
  X("e", escape)                                                                                                       \
  X("escape", escape)                                                                                                  \
  X("first", first)                                                                                                    \
  X("float", toReal)                                                                                                   \
  X("format", format)                                                                                                  \
  X("indent", indent)                                                                                                  \
  X("int", toInteger)                                                                                                  \
  X("items", items)                                                                                                    \
  X("join", join)                                                                                                      \
  X("last", last)                                                                                                      \
  X("length", length)                                                                                                  \
  X("list", list)                                                                                                      \
  X("lower", lower)                                                                                                    \
  X("map", map)                                                                                                        \
  X("max", largest)                                                                                                    \
  X("min", smallest)                                                                                                   \
  X("reject", reject)                                                                                                  \
  X("rejectattr", rejectByAttribute)                                                                                   \
  X("replace", replace)                                                                                                \
  X("reverse", reverse)                                                                                                \
  X("round", roundTo)                                                                                                  \
  X("safe", markSafe)                                                                                                  \
  X("select", select)                                                                                                  \
  X("selectattr", selectByAttribute)                                                                                   \
  X("sort", sort)                                                                                                      \
  X("string", string)                                                                                                  \
  X("sum", sum)                                                                                                        \
  X("title", title)                                                                                                    \
  X("tojson", toJson)                                                                                                  \
  X("trim", trim)                                                                                                      \
  X("unique", unique)                                                                                                  \
  X("upper", upper)                                                                                                    \
  X("wordcount", countWords)                                                                                           \
  X("forceescape", escapeAgain)

#define FATHOM_CHAT_TESTS(X)                                                                                           \
  X("boolean", isBoolean)                                                                                              \
  X("callable", isCallable)                                                                                            \
  X("defined", isDefined)                                                                                              \
  X("divisibleby", isDivisibleBy)                                                                                      \
  X("eq", isEqual)                                                                                                     \
  X("equalto", isEqual)                                                                                                \
  X("==", isEqual)                                                                                                     \
  X("even", isEven)                                                                                                    \
  X("false", isFalse)                                                                                                  \
  X("float", isReal)                                                                                                   \
  X("ge", isGreaterOrEqual)                                                                                            \
  X(">=", isGreaterOrEqual)                                                                                            \
  X("greaterthan", isGreater)                                                                                          \
  X("gt", isGreater)                                                                                                   \
  X(">", isGreater)                                                                                                    \
  X("in", isIn)                                                                                                        \
  X("integer", isInteger)                                                                                              \
  X("iterable", isIterable)                                                                                            \
  X("le", isLessOrEqual)                                                                                               \
  X("<=", isLessOrEqual)                                                                                               \
  X("lessthan", isLess)                                                                                                \
  X("lower", isLower)                                                                                                  \
  X("lt", isLess)                                                                                                      \
  X("<", isLess)                                                                                                       \
  X("mapping", isMapping)                                                                                              \
  X("ne", isUnequal)                                                                                                   \
  X("!=", isUnequal)                                                                                                   \
  X("none", isNone)                                                                                                    \
  X("number", isNumber)                                                                                                \
  X("odd", isOdd)                                                                                                      \
  X("sameas", isSame)                                                                                                  \
  X("sequence", isSequence)                                                                                            \
  X("string", isString)                                                                                                \
  X("true", isTrue)                                                                                                    \
  X("undefined", isUndefined)                                                                                          \
  X("upper", isUpper)                                                                                                  \
  X("escaped", isEscaped)

/// X(name): filters and tests of Jinja2's, and methods of Python's, that chat templates do not have. The compiler finds
/// those that it sees used, the runtime the others.
#define FATHOM_CHAT_MISSING_FILTERS(X)                                                                                 \
  X("attr")                                                                                                            \
  X("filesizeformat")                                                                                                  \
  X("groupby")                                                                                                         \
  X("pprint")                                                                                                          \
  X("random")                                                                                                          \
  X("slice")                                                                                                           \
  X("striptags")                                                                                                       \
  X("truncate")                                                                                                        \
  X("urlencode")                                                                                                       \
  X("urlize")                                                                                                          \
  X("wordwrap")                                                                                                        \
  X("xmlattr")

#define FATHOM_CHAT_MISSING_TESTS(X)                                                                                   \
  X("filter")                                                                                                          \
  X("test")

#define FATHOM_CHAT_MISSING_METHODS(X)                                                                                 \
  X("casefold")                                                                                                        \
  X("encode")                                                                                                          \
  X("expandtabs")                                                                                                      \
  X("format_map")                                                                                                      \
  X("fromkeys")                                                                                                        \
  X("isascii")                                                                                                         \
  X("isidentifier")                                                                                                    \
  X("isprintable")                                                                                                     \
  X("istitle")                                                                                                         \
  X("maketrans")                                                                                                       \
  X("swapcase")                                                                                                        \
  X("translate")                                                                                                       \
  X("zfill")

#endif // FATHOM_TOKENIZER_ABI_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chain of splits: each cuts the pieces of the one before.

#include "runtime/src/tokenizer/split.h"

#include "runtime/src/tokenizer/matchers.h"

namespace fathom::tokenizer {

namespace {
using Alternatives = flatbuffers::Vector<artifact::Matcher>;
} // namespace

/// The end of the first alternative that matches at `at`, or `at`.
static size_t matchFirst(const Alternatives &alternatives, std::string_view text, size_t at) {
  for (artifact::Matcher matcher : alternatives) {
    if (size_t end = match(matcher, text, at); end != at) {
      return end;
    }
  }
  return at;
}

/// The behavior "Isolated" of a Split: every match is a piece, and so is what lies between matches.
template <class Sink>
static bool isolate(const Alternatives &alternatives, std::string_view text, Sink sink) {
  size_t gap = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = matchFirst(alternatives, text, at);
    if (end == at) {
      at += decode(text, at).size;
      continue;
    }
    if (gap < at && !sink(text.substr(gap, at - gap))) {
      return false;
    }
    if (!sink(text.substr(at, end - at))) {
      return false;
    }
    gap = at = end;
  }
  return gap == text.size() || sink(text.substr(gap));
}

/// The same for \s+$. A run of spaces that does not reach the end is found out only at its own end, so trying it at
/// every position would take quadratic time.
template <class Sink>
static bool isolateTrailingSpace(std::string_view text, Sink sink) {
  size_t start = text.size();
  for (size_t at = 0; at < text.size();) {
    Scanned c = scan(text, at);
    start = !c.is(kSpace) ? text.size() : (start == text.size() ? at : start);
    at += c.size;
  }
  return (start == 0 || sink(text.substr(0, start))) && (start == text.size() || sink(text.substr(start)));
}

bool split(const Splits &splits, std::string_view text, PieceSink sink, uint32_t first) {
  if (first == splits.size()) {
    return text.empty() || sink(text);
  }
  const Alternatives &alternatives = *splits.Get(first)->alternatives();
  auto next = [&](std::string_view part) { return split(splits, part, sink, first + 1); };
  if (alternatives.Get(0) == artifact::Matcher::trailing_space) {
    return isolateTrailingSpace(text, next);
  }
  return isolate(alternatives, text, next);
}

} // namespace fathom::tokenizer

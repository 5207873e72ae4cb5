// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small automaton over the text that is not yet given away.

#include "runtime/cli/reasoning.h"

#include <string.h>

namespace fathom::cli {

static constexpr std::string_view kSpace = " \t\r\n";

static size_t leadingSpace(std::string_view text) {
  size_t at = text.find_first_not_of(kSpace);
  return at == std::string_view::npos ? text.size() : at;
}

static std::string_view trimEnd(std::string_view text) {
  size_t last = text.find_last_not_of(kSpace);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

static bool startsWith(std::string_view text, std::string_view mark) { return text.substr(0, mark.size()) == mark; }

/// How many bytes at the end of `text` may be the beginning of `mark`.
static size_t partOf(std::string_view mark, std::string_view text) {
  size_t size = mark.size() - 1 < text.size() ? mark.size() - 1 : text.size();
  while (size > 0 && text.substr(text.size() - size) != mark.substr(0, size)) {
    --size;
  }
  return size;
}

bool endsInThought(std::string_view prompt) {
  std::string_view text = trimEnd(prompt);
  return text.size() >= kThinkBegin.size() && text.substr(text.size() - kThinkBegin.size()) == kThinkBegin;
}

void ReasoningSplitter::begin(bool promptThinks) {
  state = promptThinks ? State::kThoughtStart : State::kStart;
  held.clear();
}

void ReasoningSplitter::drop(size_t count) {
  if (count == 0) {
    return;
  }
  memmove(held.data(), held.data() + count, held.size() - count);
  held.truncate(held.size() - count);
}

bool ReasoningSplitter::give(bool isThought, size_t count) {
  if (count == 0) {
    return true;
  }
  bool wanted = sink(user, isThought, text().substr(0, count));
  drop(count);
  return wanted;
}

/// Decides whether there is a thought, once enough of the text is there. A model that was begun a thought may begin one
/// itself.
void ReasoningSplitter::advanceStart() {
  size_t space = leadingSpace(text());
  std::string_view rest = text().substr(space);
  bool begun = state == State::kThoughtStart;
  if (startsWith(rest, kThinkBegin)) {
    drop(space + kThinkBegin.size());
    state = State::kThoughtStart;
  } else if (!startsWith(kThinkBegin, rest)) {
    drop(begun ? space : 0);
    state = begun ? State::kThought : State::kAnswer;
  }
}

bool ReasoningSplitter::advanceThought() {
  size_t end = text().find(kThinkEnd);
  bool found = end != std::string_view::npos;
  std::string_view thought = text().substr(0, found ? end : held.size() - partOf(kThinkEnd, text()));
  size_t kept = trimEnd(thought).size(), passed = found ? end - kept + kThinkEnd.size() : 0;
  if (!give(true, kept)) {
    return false;
  }
  if (found) {
    drop(passed);
    state = State::kAnswerStart;
  }
  return true;
}

/// Goes on by one state.
bool ReasoningSplitter::advance() {
  switch (state) {
  case State::kStart:
  case State::kThoughtStart:
    advanceStart();
    return true;
  case State::kThought:
    return advanceThought();
  case State::kAnswerStart:
    drop(leadingSpace(text()));
    state = held.size() ? State::kAnswer : State::kAnswerStart;
    return true;
  case State::kAnswer:
    return give(false, held.size());
  }
  return false;
}

bool ReasoningSplitter::feed(std::string_view piece) {
  if (!held.append(piece.data(), piece.size())) {
    return false;
  }
  size_t size = 0;
  State before = state;
  do {
    before = state;
    size = held.size();
    if (!advance()) {
      return false;
    }
  } while (state != before || held.size() != size);
  return true;
}

bool ReasoningSplitter::finish() {
  bool isThought = state == State::kThought || state == State::kThoughtStart;
  size_t count = isThought ? trimEnd(text()).size() : held.size();
  return state == State::kAnswerStart || give(isThought, count);
}

} // namespace fathom::cli

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells what a model thinks from what it answers.

#ifndef FATHOM_RUNTIME_CLI_REASONING_H
#define FATHOM_RUNTIME_CLI_REASONING_H

#include "runtime/src/buffer.h"

#include <string_view>

namespace fathom::cli {

inline constexpr std::string_view kThinkBegin = "<think>", kThinkEnd = "</think>";

/// Whether a prompt ends inside a thought: with "<think>", and perhaps white space.
bool endsInThought(std::string_view prompt);

/// Cuts an answer that comes piece by piece: a thought is what stands between "<think>" and "</think>" where the answer
/// begins, or up to "</think>" where the prompt has begun it. White space around a thought belongs to nobody. What may
/// be part of a mark is held back until it is known.
class ReasoningSplitter {
public:
  /// Gets a piece of the thought or of the answer. False: stop.
  using Sink = bool (*)(void *user, bool isThought, std::string_view piece);

  ReasoningSplitter(Sink sink, void *user) : sink(sink), user(user) {}

  /// Begins another answer.
  void begin(bool promptThinks);
  /// False once the sink said so, or out of memory.
  bool feed(std::string_view piece);
  /// Gives what was held back.
  bool finish();

private:
  enum class State { kStart, kThoughtStart, kThought, kAnswerStart, kAnswer };

  std::string_view text() const { return {held.data(), held.size()}; }
  void drop(size_t count);
  bool give(bool isThought, size_t count);
  bool advance();
  void advanceStart();
  bool advanceThought();

  Sink sink;
  void *user;
  State state = State::kStart;
  Buffer<char> held;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_REASONING_H

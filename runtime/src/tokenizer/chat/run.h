// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One rendering: its memory, its limits, and how it fails.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_RUN_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_RUN_H

#include "runtime/src/tokenizer/chat/value.h"

#include <cstdarg>
#include <new>

namespace fathom::tokenizer::chat {

enum class Failure : uint8_t {
  None,
  /// The conversation is not what the template wants, or the template is wrong.
  Error,
  /// Jinja2 would go on, and the subset here does not.
  Unsupported,
  /// Not JSON, or not a conversation.
  BadInput,
  /// A limit on steps, memory or depth.
  Limit,
  OutOfMemory,
};

/// Where a template is at work, or its conversation, which is one line; 0: not known.
struct Place {
  uint32_t line = 0;
  uint32_t column = 0;
};

/// Calls back into the template: a macro, or a loop that asks for its condition.
class Interpreter;

/// What functions of a rendering share. After the first failure all go on with undefined values, which does no harm,
/// until the interpreter sees it: only loops and what is not undone need to ask.
class Run {
public:
  Run(uint64_t memoryLimit, uint64_t stepLimit) : memoryLeft(memoryLimit), stepsLeft(stepLimit) {}
  Run(const Run &) = delete;
  Run &operator=(const Run &) = delete;
  ~Run();

  bool failed() const { return failure != Failure::None; }
  Failure kind() const { return failure; }
  const char *message() const { return text; }

  /// Keeps the message of the first failure, with its place in the template. Returns undefined.
  [[gnu::format(printf, 2, 3)]] Value fail(const char *format, ...);
  [[gnu::format(printf, 3, 4)]] Value failAs(Failure kind, const char *format, ...);

  /// Counts the work of somebody who may look at all of a text.
  bool look(const Value &value) { return step(value.isString() ? 1 + value.size / 16 : 1); }

  /// Counts work in units of about ten nanoseconds. False once the limit is reached, and after any failure.
  bool step(uint64_t cost = 1);

  /// Memory until the end of the run, aligned for values; null after failing if there is none left.
  void *allocate(uint64_t bytes);
  template <class T>
  T *create() {
    void *memory = allocate(sizeof(T));
    return memory == nullptr ? nullptr : ::new (memory) T();
  }

  Place place;
  /// How deep values and calls nest right now.
  uint32_t depth = 0;
  Interpreter *interpreter = nullptr;

private:
  struct Block {
    Block *next;
  };

  void *allocateBlock(uint64_t bytes);
  [[gnu::format(printf, 3, 0)]] void keep(Failure kind, const char *format, va_list arguments);

  Block *blocks = nullptr;
  char *free = nullptr;
  uint64_t freeBytes = 0;
  uint64_t memoryLeft;
  uint64_t stepsLeft;
  Failure failure = Failure::None;
  char text[512] = {};
};

/// Bounds the nesting of values, nodes and macros, and so the stack.
class Deeper {
public:
  explicit Deeper(Run &run) : run(run) {
    ok = ++run.depth <= kMost || (run.failAs(Failure::Limit, "nested too deeply"), false);
  }
  ~Deeper() { --run.depth; }
  Deeper(const Deeper &) = delete;
  Deeper &operator=(const Deeper &) = delete;
  explicit operator bool() const { return ok; }

private:
  static constexpr uint32_t kMost = 2000;
  Run &run;
  bool ok;
};

/// Puts a text together, in the run's memory. A text that it made can be taken up again and is then continued in
/// place while there is room, so that adding to a text many times takes linear time.
class Builder {
public:
  explicit Builder(Run &run) : run(run) {}
  Builder(Run &run, const Text &start);

  void append(const Text &more);
  void append(std::string_view more) { append(Text(more)); }
  void append(char byte) { append(std::string_view(&byte, 1)); }
  /// A character, as UTF-8.
  void appendCharacter(uint32_t character, bool marked);
  uint32_t size() const { return count; }
  /// The text; the builder is then empty.
  Text finish();

private:
  struct Header {
    uint32_t capacity;
    uint32_t used;
  };

  bool reserve(uint64_t wanted);

  Run &run;
  char *data = nullptr;
  char *marks = nullptr;
  uint32_t count = 0;
  uint32_t capacity = 0;
};

/// `more` after `text`.
Text concatenate(Run &run, const Text &text, const Text &more);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_RUN_H

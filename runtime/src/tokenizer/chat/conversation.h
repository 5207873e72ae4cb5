// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What conversations are made of, whatever template renders them.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CONVERSATION_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CONVERSATION_H

#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

/// What is wrong with a conversation, in one line; as much of it as has room.
class ConversationFindings {
public:
  [[gnu::format(printf, 2, 3)]] void add(const char *format, ...);
  bool any() const { return used > 0; }
  const char *text() const { return line; }

private:
  char line[480] = {};
  size_t used = 0;
};

/// Which conversations are refused, of those that templates may know.
struct ConversationRules {
  /// What the user says is in "content".
  bool content = false;
  /// A call is {"function": {"name", "arguments"}}; else also {"name", "arguments"}.
  bool functions = false;
};

/// The value of a key; null without one, and of what holds none. Also after a failure.
Value *findField(const Value &object, std::string_view key);

/// Names all messages, calls and tools that have another shape than the rules say.
void checkConversation(const Dict &variables, const ConversationRules &rules, ConversationFindings &findings);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CONVERSATION_H

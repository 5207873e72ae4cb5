// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looked at without steps and memory of the rendering, which may have failed before.

#include "runtime/src/tokenizer/chat/conversation.h"

#include <cstdio>
#include <cstring>

namespace fathom::tokenizer::chat {

static constexpr char kCall[] = "{\"function\": {\"name\", \"arguments\"}}";

void ConversationFindings::add(const char *format, ...) {
  static constexpr char kMore[] = "; and more";
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  size_t room = sizeof(line) - used;
  bool fits = std::strlen(text) + sizeof("; ") + sizeof(kMore) <= room;
  int size = fits ? std::snprintf(line + used, room, "%s%s", any() ? "; " : "", text)
                  : std::snprintf(line + used, room, "%s", kMore);
  // Nothing follows what has no room.
  used = fits ? used + size_t(size) : sizeof(line);
}

Value *findField(const Value &object, std::string_view key) {
  for (uint32_t i = 0; object.is(Type::Dict) && i < object.dict->count; ++i) {
    Entry &entry = object.dict->entries[i];
    if (entry.key.isString() && entry.key.toText().view() == key) {
      return &entry.value;
    }
  }
  return nullptr;
}

static bool isText(const Value *value) { return value != nullptr && value->isString(); }
static bool isList(const Value *value) { return value != nullptr && value->is(Type::List); }
static bool isGiven(const Value *value) { return value != nullptr && !value->is(Type::None); }

static bool isFunction(const Value &call) {
  return isText(findField(call, "name")) && findField(call, "arguments") != nullptr;
}

static void checkCalls(uint32_t message, const Value &calls, bool functions, ConversationFindings &findings) {
  if (!calls.is(Type::List)) {
    findings.add("messages[%u].tool_calls: expected an array of %s", message, kCall);
    return;
  }
  for (uint32_t i = 0; i < calls.sequence->count; ++i) {
    const Value &call = calls.sequence->items[i];
    const Value *function = findField(call, "function");
    bool good = function != nullptr ? isFunction(*function) : !functions && isFunction(call);
    if (!good) {
      findings.add("messages[%u].tool_calls[%u]: expected %s", message, i, kCall);
    }
  }
}

static void checkMessage(uint32_t index, const Value &message, const ConversationRules &rules,
                         ConversationFindings &findings) {
  const Value *role = findField(message, "role");
  if (!isText(role)) {
    findings.add("messages[%u]: expected an object with a string 'role'", index);
    return;
  }
  const Value *content = findField(message, "content");
  if (rules.content && role->toText().view() == "user" && !isText(content) && !isList(content)) {
    findings.add("messages[%u]: expected 'content', a string or an array of parts", index);
  }
  if (const Value *calls = findField(message, "tool_calls"); isGiven(calls)) {
    checkCalls(index, *calls, rules.functions, findings);
  }
}

static void checkTools(const Value &tools, ConversationFindings &findings) {
  if (!tools.is(Type::List)) {
    findings.add("tools: expected an array of objects");
    return;
  }
  for (uint32_t i = 0; i < tools.sequence->count; ++i) {
    if (!tools.sequence->items[i].is(Type::Dict)) {
      findings.add("tools[%u]: expected an object", i);
    }
  }
}

void checkConversation(const Dict &variables, const ConversationRules &rules, ConversationFindings &findings) {
  Dict all = variables;
  Value object = Value::of(Type::Dict, &all);
  const Value *messages = findField(object, "messages"), *tools = findField(object, "tools");
  if (!isList(messages)) {
    findings.add("expected an array of messages, or an object with 'messages'");
    return;
  }
  for (uint32_t i = 0; i < messages->sequence->count; ++i) {
    checkMessage(i, messages->sequence->items[i], rules, findings);
  }
  if (isGiven(tools)) {
    checkTools(*tools, findings);
  }
}

} // namespace fathom::tokenizer::chat

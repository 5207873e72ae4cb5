// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversations to prompts: JSON to variables, a template over them, and the tokens of what it writes.

#include "runtime/src/tokenizer/chat/conversation.h"
#include "runtime/src/tokenizer/chat/interpreter.h"
#include "runtime/src/tokenizer/chat/json.h"
#include "runtime/src/tokenizer/tokenizer.h"

#include <cstdio>

namespace fathom::tokenizer {

using namespace chat;

/// What a rendering may take: ample for any template that ends, little for one that does not.
static constexpr uint64_t kMemory = 256ull << 20, kMemoryPerByte = 64;
static constexpr uint64_t kSteps = 50'000'000, kStepsPerByte = 64;

static bool isWord(const Text &text) {
  bool word = text.size > 0 && text.size <= 32;
  for (char c : text.view()) {
    word &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  return word;
}

/// Roles are the caller's words, not a stranger's: templates make special tokens of them, such as "<|user|>".
static void trustRoles(const Sequence &messages) {
  for (uint32_t i = 0; i < messages.count; ++i) {
    Value *role = findField(messages.items[i], "role");
    if (isWord(role->toText())) {
      role->marks = nullptr;
      role->growable = false;
    }
  }
}

/// The variables that the tokenizer gives, and what Hugging Face defines for every template.
static void addDefaults(Run &run, const artifact::Tokenizer &table, bool generate, Dict &variables) {
  auto add = [&](std::string_view name, const Value &value) {
    if (variables.find(run, name) == nullptr) {
      (void)variables.set(run, Value::of(name), value);
    }
  };
  if (table.chat_variables() != nullptr) {
    for (const artifact::ChatVariable *variable : *table.chat_variables()) {
      add({variable->name()->c_str(), variable->name()->size()},
          Value::of(std::string_view(variable->value()->c_str(), variable->value()->size())));
    }
  }
  add("tools", Value::none());
  add("documents", Value::none());
  add("add_generation_prompt", Value::of(generate));
}

/// "tool_use" where there are tools and such a template, else "default".
static const artifact::ChatTemplate *choose(Run &run, const artifact::Tokenizer &table, const Dict &variables) {
  const artifact::ChatTemplate *chosen = nullptr;
  const Value *tools = variables.find(run, std::string_view("tools"));
  bool hasTools = tools != nullptr && !tools->is(Type::None);
  for (const artifact::ChatTemplate *tree : *table.chat_templates()) {
    std::string_view name(tree->name()->c_str(), tree->name()->size());
    if (name == "default" ? chosen == nullptr : hasTools && name == "tool_use") {
      chosen = tree;
    }
  }
  return chosen;
}

static Status statusOf(const Run &run) {
  switch (run.kind()) {
  case Failure::None:
    return Status::Ok;
  case Failure::Error:
    return Status::ChatFailed;
  case Failure::Unsupported:
    return Status::ChatUnsupported;
  case Failure::BadInput:
    return Status::BadConversation;
  case Failure::Limit:
    return Status::ChatLimit;
  case Failure::OutOfMemory:
    return Status::OutOfMemory;
  }
  return Status::ChatFailed;
}

static Status finish(const Run &run, const Text &text, RenderedChat &out) {
  if (run.failed()) {
    std::snprintf(out.error, sizeof(out.error), "%s", run.message());
    return statusOf(run);
  }
  out.text.clear();
  out.marks.clear();
  bool fits = out.text.append(text.data, text.size) && out.marks.resize(text.size);
  for (uint32_t i = 0; fits && i < text.size; ++i) {
    out.marks[i] = text.isMarked(i) ? 1 : 0;
  }
  return fits ? Status::Ok : Status::OutOfMemory;
}

/// Targets of assignments are not told from what is read: who assigns a name that a caller may give reads it too.
static NameUse findUse(const artifact::ChatTemplate &tree, std::string_view name) {
  NameUse use;
  for (const artifact::ChatNode *node : *tree.nodes()) {
    bool variable = node->kind() == artifact::ChatNodeKind::name;
    bool field = node->kind() == artifact::ChatNodeKind::attribute || node->kind() == artifact::ChatNodeKind::literal;
    if ((variable || field) && tree.texts()->Get(node->value())->string_view() == name) {
      use.variable |= variable;
      use.field |= field;
    }
  }
  return use;
}

static Status refuse(const ConversationFindings &findings, RenderedChat &out) {
  std::snprintf(out.error, sizeof(out.error), "%s", findings.text());
  return Status::BadConversation;
}

static Status renderWith(Run &run, const artifact::Tokenizer &table, const Value &input, bool generate,
                         RenderedChat &out) {
  Dict variables;
  if (input.is(Type::Dict)) {
    variables = *input.dict;
  } else {
    (void)variables.set(run, Value::of(std::string_view("messages")), input);
  }
  addDefaults(run, table, generate, variables);
  const artifact::ChatTemplate *tree = choose(run, table, variables);
  if (run.failed() || tree == nullptr) {
    return finish(run, Text(), out);
  }
  ConversationFindings findings;
  ConversationRules rules = {findUse(*tree, "content").field, /*functions=*/false};
  checkConversation(variables, rules, findings);
  if (findings.any()) {
    return refuse(findings, out);
  }
  trustRoles(*variables.find(run, std::string_view("messages"))->sequence);
  Text text = Interpreter(run, *tree, variables).render();
  // Some templates know calls without "function"; others fail somewhere.
  rules.functions = true;
  if (run.kind() == Failure::Error) {
    checkConversation(variables, rules, findings);
  }
  return findings.any() ? refuse(findings, out) : finish(run, text, out);
}

/// A text of the conversation's.
static Value marked(Run &run, std::string_view text) {
  Builder builder(run);
  char mark = 1;
  for (char c : text) {
    Text one(std::string_view(&c, 1));
    one.marks = &mark;
    builder.append(one);
  }
  return Value::of(builder.finish());
}

bool Tokenizer::hasChat() const { return table->chat_templates() != nullptr && table->chat_templates()->size() != 0; }

NameUse Tokenizer::chatUses(std::string_view name) const {
  NameUse use;
  for (size_t i = 0; hasChat() && i < table->chat_templates()->size(); ++i) {
    NameUse one = findUse(*table->chat_templates()->Get(uint32_t(i)), name);
    use.variable |= one.variable;
    use.field |= one.field;
  }
  return use;
}

Status Tokenizer::renderChat(std::string_view json, bool addGenerationPrompt, RenderedChat &out) const {
  if (!hasChat()) {
    return Status::NoChatTemplate;
  }
  if (json.size() > INT32_MAX) {
    return Status::TextTooLong;
  }
  Run run(kMemory + kMemoryPerByte * json.size(), kSteps + kStepsPerByte * json.size());
  Value input = parseJson(run, json);
  return run.failed() ? finish(run, Text(), out) : renderWith(run, *table, input, addGenerationPrompt, out);
}

Status Tokenizer::renderChat(const Message *messages, size_t count, bool addGenerationPrompt, RenderedChat &out) const {
  if (!hasChat()) {
    return Status::NoChatTemplate;
  }
  uint64_t bytes = count;
  for (size_t i = 0; i < count; ++i) {
    bytes += messages[i].content.size();
  }
  if (bytes > INT32_MAX) {
    return Status::TextTooLong;
  }
  Run run(kMemory + kMemoryPerByte * bytes, kSteps + kStepsPerByte * bytes);
  Sequence *list = run.create<Sequence>();
  for (size_t i = 0; i < count && list != nullptr && !run.failed(); ++i) {
    Dict *message = run.create<Dict>();
    (void)(message != nullptr && message->set(run, Value::of(std::string_view("role")), Value::of(messages[i].role)) &&
           message->set(run, Value::of(std::string_view("content")), marked(run, messages[i].content)) &&
           list->push(run, Value::of(Type::Dict, message)));
  }
  Value input = list == nullptr ? Value() : Value::of(Type::List, list);
  return run.failed() ? finish(run, Text(), out) : renderWith(run, *table, input, addGenerationPrompt, out);
}

} // namespace fathom::tokenizer

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversations as JSON, which is what templates are given.

#include "runtime/cli/conversation.h"

#include "runtime/cli/output.h"
#include "runtime/cli/reasoning.h"
#include "runtime/src/status.h"
#include "runtime/src/tokenizer/unicode.h"

namespace fathom::cli {

using namespace std::string_view_literals;

/// What templates call the switch; some know both names.
static constexpr const char *kSwitches[] = {"enable_thinking", "thinking"};
/// The field of an answer in which templates look for the thought; others look for kThinkEnd in the answer.
static constexpr const char *kThoughtField = "reasoning_content";

static bool appendTo(Buffer<char> *json, std::string_view text) { return json->append(text.data(), text.size()); }

static fathom_status_t askUse(fathom_model_t *model, const char *name, uint32_t use, bool *out) {
  uint32_t uses = 0;
  fathom_status_t status = fathom_model_chat_uses(model, name, &uses);
  *out = (uses & use) != 0;
  return status;
}

fathom_status_t Conversation::open(fathom_model_t *opened) {
  model = opened;
  fathom_status_t status = askUse(model, kThoughtField, FATHOM_CHAT_FIELD, &readsThoughts);
  if (status == FATHOM_STATUS_OK) {
    status = askUse(model, kThinkEnd.data(), FATHOM_CHAT_FIELD, &findsThoughts);
  }
  for (size_t i = 0; i < 2 && status == FATHOM_STATUS_OK; ++i) {
    status = askUse(model, kSwitches[i], FATHOM_CHAT_VARIABLE, &switches[i]);
  }
  return status;
}

bool Conversation::append(std::string_view json) { return appendTo(&messages, json); }

/// JSON is UTF-8: bytes that are not become U+FFFD.
bool Conversation::appendText(std::string_view text) {
  bool good = append("\"");
  for (size_t at = 0; good && at < text.size();) {
    tokenizer::Character c = tokenizer::decode(text, at);
    good = c.value == tokenizer::kInvalid ? append("\xef\xbf\xbd") : appendJson(&messages, text.data() + at, c.size);
    at += c.size;
  }
  return good && append("\"");
}

bool Conversation::begin(const char *role) {
  return append(messages.size() ? ", {\"role\": " : "{\"role\": ") && appendText(role);
}

bool Conversation::appendField(const char *name, std::string_view text) {
  return append(", \"") && append(name) && append("\": ") && appendText(text);
}

bool Conversation::add(const char *role, std::string_view text) {
  return begin(role) && appendField("content", text) && append("}");
}

bool Conversation::addAnswer(std::string_view answer, std::string_view thought) {
  if (thought.empty() || (!readsThoughts && !findsThoughts)) {
    return add("assistant", answer);
  }
  if (readsThoughts) {
    return begin("assistant") && appendField("content", answer) && appendField(kThoughtField, thought) && append("}");
  }
  Buffer<char> whole;
  for (std::string_view part : {kThinkBegin, "\n"sv, thought, "\n"sv, kThinkEnd, "\n\n"sv, answer}) {
    if (!appendTo(&whole, part)) {
      return false;
    }
  }
  return add("assistant", {whole.data(), whole.size()});
}

bool Conversation::writeJson(Buffer<char> *json) const {
  bool good =
      appendTo(json, "{\"messages\": [") && appendTo(json, {messages.data(), messages.size()}) && appendTo(json, "]");
  for (size_t i = 0; i < 2; ++i) {
    if (think >= 0 && switches[i]) {
      good = good && appendTo(json, ", \"") && appendTo(json, kSwitches[i]) &&
             appendTo(json, think ? "\": true" : "\": false");
    }
  }
  return good && appendTo(json, "}");
}

/// Whether a prompt ends inside a thought, by its last tokens.
static bool endsInThought(fathom_model_t *model, const Buffer<int32_t> &tokens) {
  constexpr size_t kLast = 16;
  char text[4096];
  size_t count = tokens.size() < kLast ? tokens.size() : kLast, size = 0;
  const int32_t *last = tokens.data() + (tokens.size() - count);
  return fathom_model_decode(model, last, count, 1, text, sizeof(text), &size) == FATHOM_STATUS_OK &&
         endsInThought({text, size});
}

fathom_status_t Conversation::encode(Buffer<int32_t> *tokens, bool *thinks) const {
  Buffer<char> json;
  size_t count = 0;
  if (!writeJson(&json)) {
    return runtime::fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the prompt");
  }
  fathom_status_t status = fathom_model_encode_chat_json(model, json.data(), json.size(), 0, nullptr, 0, &count);
  if (status == FATHOM_STATUS_TOO_SMALL) {
    if (!tokens->allocate(count)) {
      return runtime::fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the prompt");
    }
    status = fathom_model_encode_chat_json(model, json.data(), json.size(), 0, tokens->data(), count, &count);
  }
  *thinks = status == FATHOM_STATUS_OK && endsInThought(model, *tokens);
  return status;
}

} // namespace fathom::cli

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversations in the formats of DeepSeek's own chat templates, which are recognised when the model is
// compiled and never run.

#include "runtime/src/tokenizer/tokenizer.h"

namespace fathom::tokenizer {

namespace {

/// Builds a prompt: text that lies between tokens is encoded in one go, as the tokenizer would see it.
class Prompt {
public:
  Prompt(const artifact::Tokenizer &table, bool parseSpecial, Buffer<int32_t> &ids)
      : tokenizer(table), parseSpecial(parseSpecial), ids(ids) {}

  void token(int32_t id) {
    flush(parseSpecial);
    append(id);
  }
  void text(std::string_view more) {
    if (!run.append(more.data(), more.size())) {
      status = Status::OutOfMemory;
    }
  }
  /// Text of the format itself that may hold added tokens.
  void formatText(std::string_view more) {
    flush(parseSpecial);
    text(more);
    flush(true);
  }
  Status finish() {
    flush(parseSpecial);
    return status;
  }

private:
  void append(int32_t id) {
    if (status == Status::Ok && !ids.push(id)) {
      status = Status::OutOfMemory;
    }
  }
  void flush(bool parse) {
    if (status == Status::Ok) {
      EncodeOptions options;
      options.parseSpecial = parse;
      status = tokenizer.encode(view(run), options, ids);
    }
    run.clear();
  }

  Tokenizer tokenizer;
  bool parseSpecial;
  Buffer<int32_t> &ids;
  Buffer<char> run;
  Status status = Status::Ok;
};

/// R1's template drops the reasoning of earlier replies.
std::string_view withoutReasoning(std::string_view reply) {
  constexpr std::string_view kEnd = "</think>";
  size_t end = reply.rfind(kEnd);
  return end == std::string_view::npos ? reply : reply.substr(end + kEnd.size());
}

/// All system messages come first, wherever they stand.
void putSystem(const artifact::Tokenizer &table, const Message *messages, size_t count, Prompt &prompt) {
  const Message *last = nullptr;
  for (const Message *message = messages; message != messages + count; ++message) {
    if (message->role != Role::System) {
      continue;
    }
    if (table.chat_joins_system()) {
      prompt.text(last != nullptr ? "\n\n" : "");
      prompt.text(message->content);
    }
    last = message;
  }
  if (!table.chat_joins_system() && last != nullptr) {
    prompt.text(last->content);
  }
}

void renderV3(const artifact::Tokenizer &table, const Message *messages, size_t count, bool generate, Prompt &prompt) {
  prompt.token(table.bos());
  putSystem(table, messages, count, prompt);
  for (const Message *message = messages; message != messages + count; ++message) {
    if (message->role == Role::User) {
      prompt.token(table.chat_user());
      prompt.text(message->content);
    } else if (message->role == Role::Assistant) {
      prompt.token(table.chat_assistant());
      prompt.text(table.chat_drops_reasoning() ? withoutReasoning(message->content) : message->content);
      prompt.token(table.eos());
    }
  }
  if (generate) {
    prompt.token(table.chat_assistant());
    if (table.chat_opens_reasoning()) {
      prompt.formatText("<think>\n");
    }
  }
}

void renderV2(const artifact::Tokenizer &table, const Message *messages, size_t count, bool generate, Prompt &prompt) {
  prompt.token(table.bos());
  for (const Message *message = messages; message != messages + count; ++message) {
    bool reply = message->role == Role::Assistant;
    prompt.text(reply ? "Assistant: " : (message->role == Role::User ? "User: " : ""));
    prompt.text(message->content);
    if (reply) {
      prompt.token(table.eos());
    } else {
      prompt.text("\n\n");
    }
  }
  if (generate) {
    prompt.text("Assistant:");
  }
}

} // namespace

Status Tokenizer::encodeChat(const Message *messages, size_t count, const ChatOptions &options,
                             Buffer<int32_t> &ids) const {
  Prompt prompt(*table, options.parseSpecial, ids);
  switch (table->chat()) {
  case artifact::ChatFormat::none:
    return Status::NoChatTemplate;
  case artifact::ChatFormat::unknown:
    return Status::UnknownChatTemplate;
  case artifact::ChatFormat::deepseek_v2:
    renderV2(*table, messages, count, options.addGenerationPrompt, prompt);
    break;
  case artifact::ChatFormat::deepseek_v3:
    renderV3(*table, messages, count, options.addGenerationPrompt, prompt);
    break;
  }
  return prompt.finish();
}

} // namespace fathom::tokenizer

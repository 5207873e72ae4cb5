// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates, and the variables that they see.

#include "frontend/tokenizer/ReadChat.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/tokenizer/ChatFormats.h"
#include "llvm/Support/JSON.h"

using llvm::StringRef;

namespace fathom::frontend {

namespace {

constexpr uint64_t kMaxTemplateBytes = 4ull << 20;

void addTemplate(const Context &context, StringRef place, StringRef name, StringRef text, TokenizerModel &model) {
  if (!llvm::json::isUTF8(text)) {
    context.bad("chat-template", place, {}, "not UTF-8");
    return;
  }
  ChatError error;
  std::optional<ChatProgram> program = compileChatTemplate(text, error);
  if (program) {
    program->name = name.str();
    model.chats.push_back(std::move(*program));
    return;
  }
  std::string where = (place + (place.empty() ? "line " : ", line ") + llvm::Twine(error.line) + ", column " +
                       llvm::Twine(error.column))
                          .str();
  Problem problem = error.unsupported ? Problem::Unsupported : Problem::BadInput;
  context.report(problem, "chat-template", where, {}, escape(error.message, 200),
                 "use --chat-format=NAME for a built-in template, or --chat-format=none for no chat");
}

/// A list of named templates, of which there must be a "default".
void addNamed(const Context &context, Value list, TokenizerModel &model) {
  bool hasDefault = false;
  for (Value named : list.elements()) {
    Value name = named.find("name"), text = named.find("template");
    if (!name || !name.isString() || !text || !text.isString()) {
      context.bad("chat-template", "chat_template", named, "expected {\"name\": string, \"template\": string}");
      return;
    }
    bool isDefault = name.string() == "default";
    hasDefault |= isDefault;
    if (isDefault || name.string() == "tool_use") {
      std::string place = ("chat_template '" + name.string() + "'").str();
      addTemplate(context, place, name.string(), text.string(), model);
    }
  }
  if (!hasDefault) {
    context.diagnostics.warning("chat-template", context.file, "chat_template",
                                "no template is named 'default', so there is no chat");
    model.chats.clear();
  }
}

/// bos_token, eos_token and so on, as texts.
void readVariables(Value config, TokenizerModel &model) {
  for (StringRef key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    Value token = config.find(key);
    token = token && token.isObject() ? token.find("content") : token;
    if (token && token.isString()) {
      model.chatVariables.emplace_back(key.str(), token.string().str());
    }
  }
}

/// Reads chat_template.jinja, which takes precedence; false if there is none.
bool readFile(const Context &context, const std::string &directory, Value config, TokenizerModel &model) {
  std::string path = checkpoint::joinPath(directory, "chat_template.jinja");
  if (directory.empty() || !checkpoint::exists(path)) {
    return false;
  }
  if (!checkpoint::staysInside(directory, "chat_template.jinja", context.diagnostics)) {
    return true;
  }
  std::optional<std::string> text = checkpoint::readTextFile(path, path, kMaxTemplateBytes, context.diagnostics);
  Value inConfig = config ? config.find("chat_template") : Value();
  if (text && inConfig && inConfig.isString() && StringRef(*text).trim() != inConfig.string().trim()) {
    context.diagnostics.warning("chat-template", context.file, "chat_template",
                                "differs from chat_template.jinja beside it, which takes precedence");
  }
  if (text) {
    addTemplate({context.diagnostics, path}, "", "default", *text, model);
  }
  return true;
}

/// Reads "chat_template" of tokenizer_config.json.
void readConfigured(const Context &context, Value config, TokenizerModel &model) {
  Value text = config.find("chat_template");
  if (!text || text.isNull()) {
    return;
  }
  if (text.isString()) {
    addTemplate(context, "chat_template", "default", text.string(), model);
  } else if (text.isArray()) {
    addNamed(context, text, model);
  } else {
    context.bad("chat-template", "chat_template", text, "expected a string, found " + show(text));
  }
}

} // namespace

void readChat(const Context &context, const std::string &directory, Value config, StringRef chatFormat,
              TokenizerModel &model) {
  if (chatFormat == kNoChat) {
    return;
  }
  if (config) {
    readVariables(config, model);
  }
  if (!chatFormat.empty()) {
    addTemplate(context, chatFormat, "default", findChatFormat(chatFormat), model);
  } else if (!readFile(context, directory, config, model) && config) {
    readConfigured(context, config, model);
  }
}

} // namespace fathom::frontend

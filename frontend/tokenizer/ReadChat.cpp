// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates, and the variables that they see.

#include "frontend/tokenizer/ReadChat.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/tokenizer/ChatFormats.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

#include <cassert>

using llvm::StringRef;

namespace fathom::frontend {

static constexpr uint64_t kMaxTemplateBytes = 4ull << 20;

/// The files that hold templates. Of two with one name, the first counts.
static constexpr struct {
  llvm::StringLiteral file, name;
} kTemplateFiles[] = {
    {"additional_chat_templates/default.jinja", "default"},
    {"chat_template.jinja", "default"},
    {"additional_chat_templates/tool_use.jinja", "tool_use"},
};

namespace {
/// A template, and where it stands: in a file of its own, or at `place` in tokenizer_config.json.
struct Source {
  Context context;
  std::string place, name, text;
  /// How messages about another source call this one.
  std::string shown;
};
} // namespace

/// A program that fails with the error wherever it is used.
static ChatProgram failing(StringRef name, const ChatError &error) {
  ChatProgram program;
  program.name = name.str();
  auto kind = error.unsupported ? artifact::ChatNodeKind::unsupported : artifact::ChatNodeKind::fault;
  uint32_t fault = program.add(kind, error.place, program.text(escape(error.message, 200)), {});
  program.add(artifact::ChatNodeKind::block, error.place, 0, {fault});
  return program;
}

static void compile(const Source &source, TokenizerModel &model) {
  const Context &context = source.context;
  if (!llvm::json::isUTF8(source.text)) {
    context.bad("chat-template", source.place, {}, "not UTF-8");
    return;
  }
  ChatError error;
  std::optional<ChatProgram> program = compileChatTemplate(source.text, error);
  if (program) {
    program->name = source.name;
    model.chats.push_back(std::move(*program));
    return;
  }
  std::string where = (source.place + llvm::Twine(source.place.empty() ? "line " : ", line ") +
                       llvm::Twine(error.place.line) + ", column " + llvm::Twine(error.place.column))
                          .str();
  if (source.name != "default") {
    // Only conversations with tools come to it, as with transformers.
    context.diagnostics.warning("chat-template", context.file, where,
                                escape(error.message, 200) + "; conversations with tools fail");
    model.chats.push_back(failing(source.name, error));
    return;
  }
  Problem problem = error.unsupported ? Problem::Unsupported : Problem::BadInput;
  context.report(problem, "chat-template", where, {}, escape(error.message, 200),
                 "use --chat-format=NAME for a built-in template, or --chat-format=none for no chat");
}

namespace {
/// The templates of a tokenizer by name, each from the first source that has it.
class ChatSources {
public:
  void readFiles(Diagnostics &diagnostics, const std::string &directory);
  void readConfigured(const Context &context, Value config);
  void readProcessor(Diagnostics &diagnostics, const std::string &directory);
  void compileAll(TokenizerModel &model) const;

private:
  const Source *find(StringRef name) const;
  void add(Source source);
  void refuse(const Context &context, Value at, const llvm::Twine &message) const;
  void addNamed(const Context &context, Value named);

  llvm::SmallVector<Source, 2> sources;
  /// A source that was read has the default; then nothing in sources behind it counts.
  bool hasDefault = false;
};
} // namespace

static void warn(const Source &source, const llvm::Twine &message) {
  source.context.diagnostics.warning("chat-template", source.context.file, source.place, message);
}

const Source *ChatSources::find(StringRef name) const {
  const auto *found = llvm::find_if(sources, [&](const Source &source) { return source.name == name; });
  return found == sources.end() ? nullptr : found;
}

/// Takes a template, unless one that counts more has its name. Editors end files with a line feed: no difference.
void ChatSources::add(Source source) {
  const Source *taken = find(source.name);
  if (!taken && !hasDefault) {
    sources.push_back(std::move(source));
  } else if (!taken) {
    warn(source, "not used: " + find("default")->shown + " beside it takes precedence");
  } else if (StringRef(source.text).trim() != StringRef(taken->text).trim()) {
    warn(source, "differs from " + taken->shown + " beside it, which takes precedence");
  }
}

void ChatSources::readFiles(Diagnostics &diagnostics, const std::string &directory) {
  for (const auto &[file, name] : kTemplateFiles) {
    std::string path = checkpoint::joinPath(directory, file);
    if (!checkpoint::exists(path) || !checkpoint::staysInside(directory, file, diagnostics)) {
      continue;
    }
    if (std::optional<std::string> text = checkpoint::readTextFile(path, path, kMaxTemplateBytes, diagnostics)) {
      Source source{{diagnostics, path}, "", name.str(), std::move(*text), file.str()};
      if (StringRef mistake = checkpoint::recognize(source.text); !mistake.empty()) {
        source.context.bad("chat-template", "", {}, mistake);
        continue;
      }
      if (StringRef(source.text).starts_with("\xef\xbb\xbf")) {
        warn(source, "begins with a byte order mark, which becomes part of every prompt; save it without");
      }
      add(std::move(source));
    }
  }
  hasDefault = find("default") != nullptr;
}

/// What does not count is not checked.
void ChatSources::refuse(const Context &context, Value at, const llvm::Twine &message) const {
  if (!hasDefault) {
    context.bad("chat-template", "chat_template", at, message);
  }
}

/// Takes the templates of a list of names and texts, of which the last of one name counts, or of an object that has
/// them by name.
void ChatSources::addNamed(const Context &context, Value named) {
  auto addOne = [&](StringRef name, Value text) {
    std::string place = "chat_template " + quote(name);
    add({context, place, name.str(), text.string().str(), "tokenizer_config.json"});
  };
  llvm::StringMap<unsigned> left;
  for (Value element : named.elements()) {
    Value name = element.find("name");
    left[name && name.isString() ? name.string() : ""] += 1;
  }
  for (Value element : named.elements()) {
    Value name = element.find("name"), text = element.find("template");
    if (!name || !name.isString() || !text || !text.isString()) {
      refuse(context, element, "expected {\"name\": string, \"template\": string}");
      return;
    }
    if (--left[name.string()] > 0) {
      context.diagnostics.warning("chat-template", context.file, "chat_template " + quote(name.string()),
                                  "is there again below, which takes precedence");
      continue;
    }
    addOne(name.string(), text);
  }
  for (auto [name, text] : named.members()) {
    if (!text.isString()) {
      refuse(context, text, "expected a string, found " + show(text));
      return;
    }
    addOne(name, text);
  }
}

/// Reads "chat_template" of tokenizer_config.json.
void ChatSources::readConfigured(const Context &context, Value config) {
  Value text = config.find("chat_template");
  if (!text || text.isNull()) {
    return;
  }
  if (text.isString()) {
    add({context, "chat_template", "default", text.string().str(), "tokenizer_config.json"});
  } else if (text.isArray() || text.isObject()) {
    addNamed(context, text);
  } else {
    refuse(context, text, "expected a string, found " + show(text));
  }
  hasDefault = find("default") != nullptr;
}

/// Reads chat_template.json, where processors of several media had their template. It counts least: tokenizers of
/// transformers do not read it.
void ChatSources::readProcessor(Diagnostics &diagnostics, const std::string &directory) {
  constexpr StringRef name = "chat_template.json";
  Context context{diagnostics, checkpoint::joinPath(directory, name)};
  JsonFile file;
  if (!checkpoint::exists(context.file) || !checkpoint::staysInside(directory, name, diagnostics) ||
      !readJsonObject(context.file, kMaxTemplateBytes, diagnostics, file)) {
    return;
  }
  readConfigured(context, file.root());
}

/// Compiles what the runtime chooses between. Templates of other names are for programs that ask for them.
void ChatSources::compileAll(TokenizerModel &model) const {
  if (!sources.empty() && !find("default")) {
    warn(sources.front(), "no template is named 'default', so there is no chat");
    return;
  }
  for (const Source &source : sources) {
    if (source.name == "default" || source.name == "tool_use") {
      if (!StringRef(source.text).contains("{{") && !StringRef(source.text).contains("{%")) {
        warn(source, "has neither '{{' nor '{%', so that every prompt is the same text");
      }
      compile(source, model);
    }
  }
}

/// bos_token, eos_token and so on, as texts.
static void readVariables(const ConfigurationFiles &files, TokenizerModel &model) {
  for (StringRef key : kSpecialTokenKeys) {
    Value token = findNamedToken(files, key).text;
    if (token && token.isString()) {
      model.chatVariables.emplace_back(key.str(), token.string().str());
    }
  }
}

void addChatFormat(StringRef name, TokenizerModel &model) {
  ChatError error;
  std::optional<ChatProgram> program = compileChatTemplate(findChatFormat(name), error);
  assert(program && "a format that Fathom brings along compiles");
  program->name = "default";
  model.chats.push_back(std::move(*program));
}

void readChat(const ConfigurationFiles &files, const std::string &directory, StringRef chatFormat,
              TokenizerModel &model) {
  if (chatFormat == kNoChat) {
    return;
  }
  readVariables(files, model);
  if (!chatFormat.empty()) {
    addChatFormat(chatFormat, model);
    return;
  }
  const Context &context = files.config;
  ChatSources sources;
  if (!directory.empty()) {
    sources.readFiles(context.diagnostics, directory);
  }
  if (files.configRoot) {
    sources.readConfigured(context, files.configRoot);
  }
  if (!directory.empty()) {
    sources.readProcessor(context.diagnostics, directory);
  }
  sources.compileAll(model);
}

} // namespace fathom::frontend

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom tokenize`: text to ids and back, with the tokenizer of a checkpoint or an artifact.

#include "tools/driver/Tokenize.h"

#include "fathom/artifact_abi.h"
#include "frontend/checkpoint/Json.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/src/tokenizer/tokenizer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace fathom::driver {

namespace {

using checkpoint::json::Document;
using checkpoint::json::Value;
using llvm::StringRef;
using tokenizer::Buffer;
using tokenizer::Status;

enum ExitCode { kOk = 0, kUsage = 2, kBadInput = 3, kUnsupported = 4, kInputOutput = 5, kResources = 6 };

constexpr size_t kMaxInput = size_t(1) << 30;

constexpr const char *kHelp =
    "usage: fathom tokenize X [options]   (text on stdin, token ids on stdout)\n"
    "\n"
    "X is a checkpoint or tokenizer directory, a tokenizer.json, or an artifact.\n"
    "\n"
    "  --decode                the other way: token ids to text, byte for byte\n"
    "  --jsonl                 a JSON string a line to a JSON array a line (with --decode the reverse)\n"
    "  --chat                  a JSON array of messages a line, {\"role\": ..., \"content\": ...}, to a JSON array of\n"
    "                          ids a line, in the model's own chat format; a line may also be\n"
    "                          {\"messages\": [...], \"add_generation_prompt\": ...}\n"
    "  --parse-special         read the text of added tokens as those tokens (default, but not for --chat)\n"
    "  --no-parse-special      read it as ordinary text\n"
    "  --add-bos               put the bos token in front if the model wants one\n"
    "  --no-generation-prompt  with --chat: do not end with the start of an answer\n"
    "  --skip-special          with --decode: leave special tokens out\n";

struct Options {
  std::string source;
  bool decode = false;
  bool jsonl = false;
  bool chat = false;
  std::optional<bool> parseSpecial;
  bool addBos = false;
  bool generationPrompt = true;
  bool skipSpecial = false;
  bool help = false;
};

int fail(int code, const llvm::Twine &message) {
  llvm::errs() << "fathom: error: " << message << '\n';
  return code;
}

int exitCodeOf(Status status) {
  switch (status) {
  case Status::Ok:
    return kOk;
  case Status::OutOfMemory:
    return kResources;
  case Status::TextTooLong:
  case Status::UnknownToken:
    return kBadInput;
  case Status::NoChatTemplate:
  case Status::UnknownChatTemplate:
  case Status::UnsupportedRole:
    return kUnsupported;
  }
  return kBadInput;
}

bool *findSwitch(Options &options, StringRef name) {
  if (name == "--decode") {
    return &options.decode;
  }
  if (name == "--jsonl") {
    return &options.jsonl;
  }
  if (name == "--chat") {
    return &options.chat;
  }
  if (name == "--add-bos") {
    return &options.addBos;
  }
  if (name == "--skip-special") {
    return &options.skipSpecial;
  }
  return name == "--help" || name == "-h" ? &options.help : nullptr;
}

int parseOptions(int argc, const char *const *argv, Options &options) {
  for (int i = 0; i < argc; ++i) {
    StringRef argument = argv[i];
    if (bool *flag = findSwitch(options, argument)) {
      *flag = true;
    } else if (argument == "--parse-special" || argument == "--no-parse-special") {
      options.parseSpecial = argument == "--parse-special";
    } else if (argument == "--no-generation-prompt") {
      options.generationPrompt = false;
    } else if (argument.starts_with("-") && argument != "-") {
      return fail(kUsage, "tokenize: unknown option '" + argument + "'; see fathom tokenize --help");
    } else if (!options.source.empty()) {
      return fail(kUsage, "tokenize: more than one tokenizer: '" + options.source + "' and '" + argument + "'");
    } else {
      options.source = argument.str();
    }
  }
  if (options.help) {
    return kOk;
  }
  if (options.source.empty()) {
    return fail(kUsage, "tokenize: no tokenizer given; see fathom tokenize --help");
  }
  if (options.chat && options.decode) {
    return fail(kUsage, "tokenize: --chat and --decode exclude each other");
  }
  return kOk;
}

/// Whether the file is an artifact or an executable, by its first bytes.
bool looksCompiled(const std::string &path) {
  // Not a pipe: opening one could wait for ever.
  if (!llvm::sys::fs::is_regular_file(path)) {
    return false;
  }
  char head[FATHOM_ARTIFACT_MAGIC_SIZE] = {};
  FILE *file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    return false;
  }
  size_t size = std::fread(head, 1, sizeof(head), file);
  std::fclose(file);
  StringRef read(head, size);
  return read == StringRef(FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE) || read.starts_with("\177ELF");
}

int openFiles(const std::string &path, OpenedTokenizer &out) {
  checkpoint::Diagnostics diagnostics;
  std::optional<frontend::TokenizerModel> model = frontend::readTokenizer(path, diagnostics);
  diagnostics.print(llvm::errs());
  if (!model) {
    return diagnostics.exitCode();
  }
  auto builder = std::make_shared<flatbuffers::FlatBufferBuilder>(1 << 20);
  builder->Finish(frontend::writeTokenizer(*builder, *model));
  out.table = flatbuffers::GetRoot<artifact::Tokenizer>(builder->GetBufferPointer());
  out.memory = std::move(builder);
  return kOk;
}

int openTokenizer(const std::string &path, OpenArtifactTokenizer openArtifact, OpenedTokenizer &out) {
  int code = kOk;
  if (!looksCompiled(path)) {
    code = openFiles(path, out);
  } else if (openArtifact != nullptr) {
    code = openArtifact(path, out);
  } else {
    code = fail(kUnsupported, path + ": reading artifacts is not built into this program");
  }
  if (code != kOk) {
    return code;
  }
  const char *problem = tokenizer::verify(*out.table);
  return problem == nullptr ? int(kOk) : fail(kBadInput, path + ": " + problem);
}

void printIds(const Buffer<int32_t> &ids, StringRef separator) {
  for (size_t i = 0; i < ids.size(); ++i) {
    llvm::outs() << (i == 0 ? "" : separator) << ids[i];
  }
}

/// A JSON string; `text` is well-formed UTF-8.
void printJsonString(StringRef text) {
  llvm::raw_ostream &out = llvm::outs();
  out << '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (uint8_t(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", unsigned(uint8_t(c)));
      out << escaped;
    } else {
      out << c;
    }
  }
  out << '"';
}

/// The work on one input: all of stdin, or a line of it.
class Worker {
public:
  Worker(const artifact::Tokenizer &table, const Options &options) : tokenizer(table), options(options) {}

  int runAll();
  int runLines();

private:
  int encodeLine(Value value);
  int decodeLine(Value value);
  int chatLine(Value value);
  int readMessages(Value value, std::vector<tokenizer::Message> &messages);
  int readMessage(Value value, tokenizer::Message &message);
  int processLine(StringRef line);
  int decodeAll(StringRef text);
  int failLine(int code, const llvm::Twine &message) const {
    return fail(code, lineNumber == 0 ? "stdin: " + message : "stdin:" + llvm::Twine(lineNumber) + ": " + message);
  }
  int failStatus(Status status) const { return failLine(exitCodeOf(status), describe(status)); }

  tokenizer::Tokenizer tokenizer;
  const Options &options;
  size_t lineNumber = 0;
};

int Worker::encodeLine(Value value) {
  if (!value.isString()) {
    return failLine(kBadInput, "expected a JSON string, found " + checkpoint::json::describe(value.kind()));
  }
  Buffer<int32_t> ids;
  Status status = tokenizer.encode(value.string(), {options.addBos, options.parseSpecial.value_or(true)}, ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  llvm::outs() << '[';
  printIds(ids, ", ");
  llvm::outs() << "]\n";
  return kOk;
}

int Worker::decodeLine(Value value) {
  if (!value.isArray()) {
    return failLine(kBadInput, "expected a JSON array of token ids, found " + checkpoint::json::describe(value.kind()));
  }
  tokenizer::StreamDecoder decoder(tokenizer, options.skipSpecial);
  Buffer<char> text;
  for (Value element : value.elements()) {
    std::optional<int64_t> id = element.integer();
    bool inRange = id && *id >= 0 && *id < int64_t(tokenizer.size());
    if (!inRange) {
      return failLine(kBadInput, "token id " + element.spelling().take_front(40) + " is not in [0, " +
                                     llvm::Twine(tokenizer.size()) + ")");
    }
    Status status = decoder.feed(int32_t(*id), text);
    if (status != Status::Ok) {
      return failStatus(status);
    }
  }
  Status status = decoder.finish(text);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  printJsonString(StringRef(text.data(), text.size()));
  llvm::outs() << '\n';
  return kOk;
}

int Worker::readMessage(Value value, tokenizer::Message &message) {
  Value role = value.find("role");
  Value content = value.find("content");
  if (!role || !role.isString() || !content || !content.isString()) {
    return failLine(kBadInput, "expected messages {\"role\": string, \"content\": string}");
  }
  for (auto [key, member] : value.members()) {
    if (key != "role" && key != "content") {
      return failLine(kUnsupported, "'" + checkpoint::escape(key, 40) + "' in a message is not supported");
    }
  }
  if (role.string() == "user") {
    message.role = tokenizer::Role::User;
  } else if (role.string() == "assistant") {
    message.role = tokenizer::Role::Assistant;
  } else if (role.string() == "system") {
    message.role = tokenizer::Role::System;
  } else {
    return failLine(kUnsupported,
                    "role '" + checkpoint::escape(role.string(), 40) + "'; supported are system, user and assistant");
  }
  message.content = content.string();
  return kOk;
}

int Worker::readMessages(Value value, std::vector<tokenizer::Message> &messages) {
  if (!value || !value.isArray()) {
    return failLine(kBadInput, "expected a JSON array of messages");
  }
  for (Value element : value.elements()) {
    tokenizer::Message message{};
    int code = readMessage(element, message);
    if (code != kOk) {
      return code;
    }
    messages.push_back(message);
  }
  return kOk;
}

int Worker::chatLine(Value value) {
  tokenizer::ChatOptions chat;
  chat.addGenerationPrompt = options.generationPrompt;
  chat.parseSpecial = options.parseSpecial.value_or(false);
  Value list = value;
  if (value.isObject()) {
    list = value.find("messages");
    Value generate = value.find("add_generation_prompt");
    chat.addGenerationPrompt = generate ? generate.boolean().value_or(true) : chat.addGenerationPrompt;
  }
  std::vector<tokenizer::Message> messages;
  int code = readMessages(list, messages);
  if (code != kOk) {
    return code;
  }
  Buffer<int32_t> ids;
  Status status = tokenizer.encodeChat(messages.data(), messages.size(), chat, ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  llvm::outs() << '[';
  printIds(ids, ", ");
  llvm::outs() << "]\n";
  return kOk;
}

int Worker::processLine(StringRef line) {
  Document document;
  checkpoint::json::SyntaxError error;
  if (!document.parse(line, error)) {
    return failLine(kBadInput, "column " + llvm::Twine(error.column) + ": " + error.message);
  }
  if (options.chat) {
    return chatLine(document.root());
  }
  return options.decode ? decodeLine(document.root()) : encodeLine(document.root());
}

/// Every line gives a line: one that fails gives null, and the first failure's code is the result.
int Worker::runLines() {
  int result = kOk;
  char *line = nullptr;
  size_t capacity = 0;
  for (ssize_t size = 0; (size = ::getline(&line, &capacity, stdin)) >= 0;) {
    ++lineNumber;
    StringRef text(line, size_t(size));
    int code = text.size() > kMaxInput ? failLine(kResources, "a line of more than 1 GiB") : processLine(text);
    if (code != kOk) {
      llvm::outs() << "null\n";
      result = result == kOk ? code : result;
    }
    // Somebody may be waiting for this line's answer before sending the next.
    llvm::outs().flush();
  }
  std::free(line);
  return result;
}

/// Ids are separated by whatever cannot be part of a number. The text comes out byte for byte.
int Worker::decodeAll(StringRef text) {
  int result = kOk;
  while (true) {
    text = text.drop_while([](char c) { return std::isspace(uint8_t(c)) || c == ',' || c == '[' || c == ']'; });
    if (text.empty()) {
      return result;
    }
    StringRef word = text.take_until([](char c) { return std::isspace(uint8_t(c)) || c == ',' || c == ']'; });
    text = text.drop_front(word.size());
    int64_t id = 0;
    if (word.getAsInteger(10, id) || id < 0 || id >= int64_t(tokenizer.size())) {
      result = failLine(kBadInput, "token id '" + checkpoint::escape(word, 40) + "' is not in [0, " +
                                       llvm::Twine(tokenizer.size()) + ")");
      continue;
    }
    bool skip = options.skipSpecial && tokenizer.isSpecial(int32_t(id));
    llvm::outs() << (skip ? StringRef() : StringRef(tokenizer.bytes(int32_t(id))));
  }
}

int Worker::runAll() {
  std::string text;
  char block[1 << 16];
  for (size_t size = 0; (size = std::fread(block, 1, sizeof(block), stdin)) > 0;) {
    text.append(block, size);
    if (text.size() > kMaxInput) {
      return failLine(kResources, "more than 1 GiB of text; split it");
    }
  }
  if (std::ferror(stdin)) {
    return failLine(kInputOutput, "cannot be read");
  }
  if (options.decode) {
    return decodeAll(text);
  }
  Buffer<int32_t> ids;
  Status status = tokenizer.encode(text, {options.addBos, options.parseSpecial.value_or(true)}, ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  printIds(ids, " ");
  llvm::outs() << '\n';
  return kOk;
}

} // namespace

int runTokenize(int argc, const char *const *argv, OpenArtifactTokenizer openArtifact) {
  Options options;
  int code = parseOptions(argc, argv, options);
  if (code != kOk || options.help) {
    (code == kOk ? llvm::outs() : llvm::errs()) << (code == kOk ? kHelp : "");
    return code;
  }
  OpenedTokenizer opened;
  code = openTokenizer(options.source, openArtifact, opened);
  if (code != kOk) {
    return code;
  }
  if (options.chat && opened.table->chat() < artifact::ChatFormat::deepseek_v2) {
    bool none = opened.table->chat() == artifact::ChatFormat::none;
    Status status = none ? Status::NoChatTemplate : Status::UnknownChatTemplate;
    return fail(kUnsupported, options.source + ": " + describe(status));
  }
  Worker worker(*opened.table, options);
  code = options.jsonl || options.chat ? worker.runLines() : worker.runAll();
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    llvm::outs().clear_error();
    return fail(kInputOutput, "stdout: " + llvm::Twine("writing failed"));
  }
  return code;
}

} // namespace fathom::driver

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lines of JSON, plain text, and what is printed for them.

#include "tools/driver/TokenizeInput.h"

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/Json.h"
#include "runtime/cli/messages.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fathom::driver {

namespace {
using checkpoint::json::Document;
using checkpoint::json::Value;
using llvm::StringRef;
using tokenizer::Status;
} // namespace

static constexpr size_t kMaxInput = size_t(1) << 30;

static void printIds(const Buffer<int32_t> &ids, StringRef separator) {
  for (size_t i = 0; i < ids.size(); ++i) {
    llvm::outs() << (i == 0 ? "" : separator) << ids[i];
  }
}

namespace {
/// The work on one input: all of stdin, or a line of it.
class Worker {
public:
  Worker(const artifact::Tokenizer &table, const TokenizeOptions &options) : tokenizer(table), options(options) {}

  int runAll();
  int runLines();

private:
  int encodeLine(Value value);
  int decodeLine(Value value);
  int chatLine(StringRef line);
  int processLine(StringRef line);
  int decodeAll(StringRef text);
  int failLine(int code, const llvm::Twine &message) const {
    return failTokenize(code,
                        lineNumber == 0 ? "stdin: " + message : "stdin: " + llvm::Twine(lineNumber) + ": " + message);
  }
  int failRead() const {
    return failTokenize(cli::kInputOutput, llvm::Twine("stdin: cannot read: ") + std::strerror(errno));
  }
  tokenizer::EncodeOptions encodeOptions() const {
    return {false, options.parseSpecial.value_or(true), options.addBos};
  }
  int failStatus(Status status) const { return failLine(int(exitCodeOf(status)), describe(status)); }

  tokenizer::Tokenizer tokenizer;
  const TokenizeOptions &options;
  size_t lineNumber = 0;
};
} // namespace

int Worker::encodeLine(Value value) {
  if (!value.isString()) {
    return failLine(cli::kBadInput, "expected a JSON string, found " + checkpoint::json::describe(value.kind()));
  }
  Buffer<int32_t> ids;
  Status status = tokenizer.encode(value.string(), encodeOptions(), ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  llvm::outs() << '[';
  printIds(ids, ", ");
  llvm::outs() << "]\n";
  return cli::kOk;
}

int Worker::decodeLine(Value value) {
  if (!value.isArray()) {
    return failLine(cli::kBadInput,
                    "expected a JSON array of token ids, found " + checkpoint::json::describe(value.kind()));
  }
  tokenizer::StreamDecoder decoder(tokenizer, options.skipSpecial);
  Buffer<char> text;
  for (Value element : value.elements()) {
    std::optional<int64_t> id = element.integer();
    bool inRange = id && *id >= 0 && *id < int64_t(tokenizer.size());
    if (!inRange) {
      return failLine(cli::kBadInput, "token id " + element.spelling().take_front(40) + " is not in [0, " +
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
  llvm::json::OStream(llvm::outs()).value(StringRef(text.data(), text.size()));
  llvm::outs() << '\n';
  return cli::kOk;
}

int Worker::chatLine(StringRef line) {
  tokenizer::RenderedChat chat;
  Status status = tokenizer.renderChat({line.data(), line.size()}, options.generationPrompt, chat);
  if (status != Status::Ok) {
    StringRef detail = chat.error;
    StringRef prefix = status == Status::BadConversation ? "" : "chat template: ";
    return detail.empty() ? failStatus(status)
                          : failLine(int(exitCodeOf(status)), prefix + escape(detail, sizeof(chat.error)));
  }
  if (options.text) {
    llvm::json::OStream(llvm::outs()).value(StringRef(chat.text.data(), chat.text.size()));
    llvm::outs() << '\n';
    return cli::kOk;
  }
  Buffer<int32_t> ids;
  status = tokenizer.encodeChat(chat, options.parseSpecial.value_or(false), ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  llvm::outs() << '[';
  printIds(ids, ", ");
  llvm::outs() << "]\n";
  return cli::kOk;
}

int Worker::processLine(StringRef line) {
  if (options.chat) {
    return chatLine(line);
  }
  Document document;
  checkpoint::json::SyntaxError error;
  if (!document.parse(line, error)) {
    return failLine(cli::kBadInput, "column " + llvm::Twine(error.column) + ": " + error.message);
  }
  return options.decode ? decodeLine(document.root()) : encodeLine(document.root());
}

int Worker::runLines() {
  int result = cli::kOk;
  char *line = nullptr;
  size_t capacity = 0;
  for (ssize_t size = 0; (size = ::getline(&line, &capacity, stdin)) >= 0;) {
    ++lineNumber;
    StringRef text(line, size_t(size));
    int code = text.size() > kMaxInput ? failLine(cli::kResources, "a line is longer than 1 GiB") : processLine(text);
    if (code != cli::kOk) {
      llvm::outs() << "null\n";
      result = result == cli::kOk ? code : result;
    }
    // Somebody may be waiting for this line's answer before sending the next.
    llvm::outs().flush();
  }
  std::free(line);
  if (result == cli::kOk && !std::feof(stdin)) {
    return failRead();
  }
  return result;
}

/// Ids are separated by whatever cannot be part of a number. The text comes out byte for byte.
int Worker::decodeAll(StringRef text) {
  int result = cli::kOk;
  while (true) {
    text = text.drop_while([](char c) { return std::isspace(uint8_t(c)) || c == ',' || c == '[' || c == ']'; });
    if (text.empty()) {
      return result;
    }
    StringRef word = text.take_until([](char c) { return std::isspace(uint8_t(c)) || c == ',' || c == ']'; });
    text = text.drop_front(word.size());
    int64_t id = 0;
    if (word.getAsInteger(10, id) || id < 0 || id >= int64_t(tokenizer.size())) {
      result = failLine(cli::kBadInput,
                        "token id '" + escape(word, 40) + "' is not in [0, " + llvm::Twine(tokenizer.size()) + ")");
      continue;
    }
    bool skip = options.skipSpecial && tokenizer.isSpecial(int32_t(id));
    llvm::outs() << (skip ? StringRef() : StringRef(tokenizer.bytes(int32_t(id))));
  }
}

int Worker::runAll() {
  std::string text;
  char block[1 << 16];
  // A terminal's end of file is not to be asked for twice.
  for (size_t size = 0; !std::feof(stdin) && (size = std::fread(block, 1, sizeof(block), stdin)) > 0;) {
    text.append(block, size);
    if (text.size() > kMaxInput) {
      return failLine(cli::kResources, "the text is longer than 1 GiB; split it");
    }
  }
  if (!std::feof(stdin)) {
    return failRead();
  }
  if (options.decode) {
    return decodeAll(text);
  }
  Buffer<int32_t> ids;
  Status status = tokenizer.encode(text, encodeOptions(), ids);
  if (status != Status::Ok) {
    return failStatus(status);
  }
  printIds(ids, " ");
  llvm::outs() << '\n';
  return cli::kOk;
}

int failTokenize(int code, const llvm::Twine &message) {
  return cli::printError("fathom", code, "%s", message.str().c_str());
}

int tokenizeAll(const artifact::Tokenizer &table, const TokenizeOptions &options) {
  return Worker(table, options).runAll();
}

int tokenizeLines(const artifact::Tokenizer &table, const TokenizeOptions &options) {
  return Worker(table, options).runLines();
}

} // namespace fathom::driver

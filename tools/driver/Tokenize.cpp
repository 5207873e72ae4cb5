// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom tokenize`: text to ids and back, with the tokenizer of a checkpoint or an artifact.

#include "tools/driver/Tokenize.h"

#include "fathom/artifact_abi.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/tokenizer/ChatFormats.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/cli/options.h"
#include "tools/driver/GgufTokenizer.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/Terminal.h"
#include "tools/driver/TokenizeInput.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>

namespace fathom::driver {

namespace {
using llvm::StringRef;
using tokenizer::Status;
} // namespace

static constexpr const char *kAbout =
    "Text on stdin, token ids on stdout. X is a checkpoint or tokenizer directory, a tokenizer.json, a GGUF file, an "
    "ONNX\n"
    "model beside one, an artifact or an executable made by --emit=exe.\n"
    "\n"
    "A line for --chat is a JSON array of messages {\"role\": ..., \"content\": ...}, or an object {\"messages\": "
    "[...],\n"
    "\"tools\": ..., \"add_generation_prompt\": ..., and what else the model's chat template reads}.\n";

/// Returns cli::kContinue, or an exit code.
static int parseArguments(int argc, const char *const *argv, TokenizeOptions &options) {
  using cli::OptionKind;
  const char *source = nullptr, *chatFormat = "";
  bool parseSpecial = true, parseSpecialGiven = false, promptGiven = false;
  const cli::Option table[] = {
      {"decode", 0, OptionKind::kFlag, &options.decode, nullptr, "convert token ids to text, byte for byte"},
      {"jsonl", 0, OptionKind::kFlag, &options.jsonl, nullptr,
       "a JSON string a line to a JSON array a line (with --decode the reverse)"},
      {"chat", 0, OptionKind::kFlag, &options.chat, nullptr,
       "a conversation a line to a JSON array of ids a line, in the model's own format"},
      {"chat-format", 0, OptionKind::kChoice, &chatFormat, "NAME",
       "with --chat: use a built-in chat format instead of the tokenizer's template", 0, 0,
       frontend::chatFormatNames()},
      {"text", 0, OptionKind::kFlag, &options.text, nullptr, "with --chat: the prompt as a JSON string, not its ids"},
      {"parse-special", 0, OptionKind::kFlag, &parseSpecial, nullptr,
       "read the text of added tokens as those tokens (default, but not for --chat)", 0, 0, nullptr,
       &parseSpecialGiven},
      {"add-bos", 0, OptionKind::kFlag, &options.addBos, nullptr, "put the bos token in front"},
      {"generation-prompt", 0, OptionKind::kFlag, &options.generationPrompt, nullptr,
       "with --chat: end with the start of an answer (default)", 0, 0, nullptr, &promptGiven},
      {"skip-special", 0, OptionKind::kFlag, &options.skipSpecial, nullptr, "with --decode: leave special tokens out"},
  };
  cli::Command command = {"fathom tokenize", "X [options]", kAbout, table,
                          std::size(table),  &source,       1,      "text comes on standard input"};
  int code = cli::parseOptions(command, argc, argv, 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!source) {
    return cli::printUsageError(command.name, "no tokenizer given");
  }
  if (options.chat && options.decode) {
    return cli::printUsageError(command.name, "--chat and --decode are mutually exclusive");
  }
  if ((options.text || *chatFormat) && !options.chat) {
    return cli::printUsageError(command.name, "--%s needs --chat", options.text ? "text" : "chat-format");
  }
  const cli::Useless useless[] = {
      {options.skipSpecial && !options.decode, "skip-special", "it goes with --decode"},
      {promptGiven && !options.chat, "generation-prompt", "it goes with --chat"},
      {parseSpecialGiven && options.decode, "parse-special", "it goes with text, not with --decode"},
      {options.addBos && options.decode, "add-bos", "it goes with text, not with --decode"},
      {options.addBos && options.chat, "add-bos", "the chat template says where the bos token stands"},
  };
  code = cli::refuseUseless(command.name, useless, std::size(useless));
  if (code != cli::kContinue) {
    return code;
  }
  options.source = source;
  options.chatFormat = chatFormat;
  if (parseSpecialGiven) {
    options.parseSpecial = parseSpecial;
  }
  return cli::kContinue;
}

/// Whether the file is an artifact or an executable, by its first bytes.
static bool looksCompiled(const std::string &path) {
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

static int openFiles(const std::string &path, StringRef chatFormat, OpenedTokenizer &out) {
  checkpoint::Diagnostics diagnostics;
  std::optional<frontend::TokenizerModel> model =
      checkpoint::isGguf(path) ? readTokenizerOfGguf(path, diagnostics, std::nullopt, chatFormat)
                               : frontend::readTokenizer(isOnnx(path) ? findFolderOfModel(path) : path, diagnostics,
                                                         std::nullopt, chatFormat);
  if (!model && !diagnostics.hasErrors()) {
    diagnostics.error(checkpoint::Problem::BadInput, "no-tokenizer", path, "", "has no vocabulary");
  }
  diagnostics.print(llvm::errs());
  if (!model) {
    return diagnostics.exitCode();
  }
  auto builder = std::make_shared<flatbuffers::FlatBufferBuilder>(1 << 20);
  builder->Finish(frontend::writeTokenizer(*builder, *model));
  out.table = flatbuffers::GetRoot<artifact::Tokenizer>(builder->GetBufferPointer());
  out.memory = std::move(builder);
  return cli::kOk;
}

static int openTokenizer(const TokenizeOptions &options, OpenArtifactTokenizer openArtifact, OpenedTokenizer &out) {
  const std::string &path = options.source;
  int code = cli::kOk;
  if (!looksCompiled(path)) {
    // A template that is not needed may be broken.
    code = openFiles(path, options.chat ? StringRef(options.chatFormat) : StringRef(frontend::kNoChat), out);
  } else if (!options.chatFormat.empty()) {
    code = failTokenize(cli::kUsage,
                        "--chat-format acts when a checkpoint is compiled, but " + path + " is compiled already");
  } else if (openArtifact != nullptr) {
    code = openArtifact(path, out);
  } else {
    code = failTokenize(cli::kUnsupported, path + ": this program cannot read artifacts");
  }
  if (code != cli::kOk) {
    return code;
  }
  const char *problem = tokenizer::verify(*out.table);
  return problem == nullptr ? int(cli::kOk) : failTokenize(cli::kBadInput, path + ": " + problem);
}

int runTokenize(int argc, const char *const *argv, OpenArtifactTokenizer openArtifact) {
  TokenizeOptions options;
  int code = parseArguments(argc, argv, options);
  if (code != cli::kContinue) {
    return code;
  }
  OpenedTokenizer opened;
  code = openTokenizer(options, openArtifact, opened);
  if (code != cli::kOk) {
    return code;
  }
  if (options.chat && !tokenizer::Tokenizer(*opened.table).hasChat()) {
    return failTokenize(cli::kUnsupported, options.source + ": " + describe(Status::NoChatTemplate));
  }
  bool lines = options.jsonl || options.chat;
  code = lines ? tokenizeLines(*opened.table, options) : tokenizeAll(*opened.table, options);
  return flushOutput(code);
}

} // namespace fathom::driver

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom tokenize`: text to ids and back, with the tokenizer of a checkpoint or an artifact.

#include "tools/driver/Tokenize.h"

#include "fathom/artifact_abi.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "tools/driver/TokenizeInput.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>

namespace fathom::driver {

namespace {

using llvm::StringRef;
using tokenizer::Status;

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

bool *findSwitch(TokenizeOptions &options, StringRef name) {
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

int parseOptions(int argc, const char *const *argv, TokenizeOptions &options) {
  for (int i = 0; i < argc; ++i) {
    StringRef argument = argv[i];
    if (bool *flag = findSwitch(options, argument)) {
      *flag = true;
    } else if (argument == "--parse-special" || argument == "--no-parse-special") {
      options.parseSpecial = argument == "--parse-special";
    } else if (argument == "--no-generation-prompt") {
      options.generationPrompt = false;
    } else if (argument.starts_with("-") && argument != "-") {
      return failTokenize(kUsage, "tokenize: unknown option '" + argument + "'; see fathom tokenize --help");
    } else if (!options.source.empty()) {
      return failTokenize(kUsage, "tokenize: more than one tokenizer: '" + options.source + "' and '" + argument + "'");
    } else {
      options.source = argument.str();
    }
  }
  if (options.help) {
    return kOk;
  }
  if (options.source.empty()) {
    return failTokenize(kUsage, "tokenize: no tokenizer given; see fathom tokenize --help");
  }
  if (options.chat && options.decode) {
    return failTokenize(kUsage, "tokenize: --chat and --decode exclude each other");
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
    code = failTokenize(kUnsupported, path + ": reading artifacts is not built into this program");
  }
  if (code != kOk) {
    return code;
  }
  const char *problem = tokenizer::verify(*out.table);
  return problem == nullptr ? int(kOk) : failTokenize(kBadInput, path + ": " + problem);
}

} // namespace

int runTokenize(int argc, const char *const *argv, OpenArtifactTokenizer openArtifact) {
  TokenizeOptions options;
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
    return failTokenize(kUnsupported, options.source + ": " + describe(status));
  }
  bool lines = options.jsonl || options.chat;
  code = lines ? tokenizeLines(*opened.table, options) : tokenizeAll(*opened.table, options);
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    llvm::outs().clear_error();
    return failTokenize(kInputOutput, "stdout: " + llvm::Twine("writing failed"));
  }
  return code;
}

} // namespace fathom::driver

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a tokenizer's files.

#include "frontend/checkpoint/Files.h"
#include "frontend/tokenizer/ConfiguredTokens.h"
#include "frontend/tokenizer/Context.h"
#include "frontend/tokenizer/Normalization.h"
#include "frontend/tokenizer/Pipeline.h"
#include "frontend/tokenizer/ReadChat.h"
#include "frontend/tokenizer/Vocabulary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

/// DeepSeek-V3's tokenizer has 8 MB.
static constexpr uint64_t kMaxTokenizerBytes = 64ull << 20;
static constexpr uint64_t kMaxConfigBytes = 16ull << 20;

namespace {
/// Reads the files of one tokenizer into one model.
class TokenizerReader {
public:
  TokenizerReader(std::string directory, Diagnostics &diagnostics, std::optional<uint32_t> limit, StringRef chatFormat)
      : directory(std::move(directory)), diagnostics(diagnostics), limit(limit), chatFormat(chatFormat) {}

  std::optional<TokenizerModel> read(const std::string &path);
  std::optional<TokenizerModel> parse(std::string tokenizer, std::string config);

private:
  Context contextOf(StringRef name) const { return {diagnostics, checkpoint::joinPath(directory, name)}; }
  Value readBeside(StringRef name, JsonFile &file);
  std::optional<TokenizerModel> build(const Context &context, Value root, const ConfigurationFiles &files);
  std::optional<AddedBos> readTokens(const Context &context, Value root, Vocabulary &vocabulary,
                                     const ConfigurationFiles &files);
  void useTemplateBos(const Context &context, const AddedBos &bos, const Vocabulary &vocabulary);
  void readEnds(const ConfigurationFiles &files, const Vocabulary &vocabulary);
  void readFlags(const Context &context, Value root);
  int32_t readEnd(const ConfigurationFiles &files, StringRef key, const Vocabulary &vocabulary);
  void checkNormalized(const Context &context);

  std::string directory;
  Diagnostics &diagnostics;
  std::optional<uint32_t> limit;
  StringRef chatFormat;
  TokenizerModel model;
};
} // namespace

static int32_t idOrNone(std::optional<uint32_t> id) { return id ? int32_t(*id) : -1; }

/// Added tokens that are looked for in normalized text must be in normal form themselves to be found as written.
void TokenizerReader::checkNormalized(const Context &context) {
  if (model.normalizer != artifact::Normalizer::nfc) {
    return;
  }
  for (const AddedToken &token : model.added) {
    const std::string &text = model.tokens[token.id];
    if (token.normalized && !isNfc(text)) {
      context.unsupported("added-token", "added_tokens", {},
                          "token " + quote(text) + " is searched for in NFC text, but is not NFC itself");
    }
  }
}

/// Reads tokenizer.json. Returns the bos token its template adds.
std::optional<AddedBos> TokenizerReader::readTokens(const Context &context, Value root, Vocabulary &vocabulary,
                                                    const ConfigurationFiles &files) {
  Value version = root.find("version");
  if (version && version.string() != "1.0") {
    context.unsupported("tokenizer-version", "version", version,
                        "version " + show(version) + "; only '1.0' is supported");
  }
  for (StringRef key : {"truncation", "padding"}) {
    Value value = root.find(key);
    if (value && !value.isNull()) {
      diagnostics.warning("tokenizer-ignored", context.file, key, "is ignored: Fathom neither truncates nor pads");
    }
  }
  Value bpe = root.find("model");
  bool ignoresMerges = readModelOptions(context, bpe);
  readNormalizer(context, root.find("normalizer"), model);
  readPreTokenizer(context, root.find("pre_tokenizer"), model);
  readDecoder(context, root.find("decoder"));
  std::optional<AddedBos> bos = readPostProcessor(context, root.find("post_processor"));
  vocabulary.readEntries(bpe.find("vocab"));
  vocabulary.readMerges(bpe.find("merges"), model.merges);
  vocabulary.readAdded(root.find("added_tokens"));
  ConfiguredTokens(vocabulary).read(files);
  vocabulary.finish(model, ignoresMerges);
  return bos;
}

int32_t TokenizerReader::readEnd(const ConfigurationFiles &files, StringRef key, const Vocabulary &vocabulary) {
  warnOfTwoNames(files, key);
  auto [context, token] = findNamedToken(files, key);
  if (!token) {
    return -1;
  }
  if (!token.isString()) {
    context->bad("special-token", key, token, expectedToken(token));
    return -1;
  }
  int32_t id = idOrNone(vocabulary.find(token.string()));
  if (id < 0) {
    context->bad("special-token", key, token, "token " + show(token) + " is not in tokenizer.json");
  }
  return id;
}

void TokenizerReader::readEnds(const ConfigurationFiles &files, const Vocabulary &vocabulary) {
  int32_t bos = readEnd(files, "bos_token", vocabulary);
  model.bos = bos >= 0 ? bos : model.bos;
  model.eos = readEnd(files, "eos_token", vocabulary);
  if (files.configRoot) {
    readFlags(files.config, files.configRoot);
  }
}

/// Reads "add_bos_token", "add_eos_token" and "split_special_tokens".
void TokenizerReader::readFlags(const Context &context, Value root) {
  Value addBos = root.find("add_bos_token");
  if (addBos && !addBos.isNull()) {
    bool wanted = context.boolean(root, "add_bos_token", "", model.addBos);
    if (model.addBos && !wanted) {
      diagnostics.warning("add-bos", context.file, "add_bos_token",
                          "is false, but the post-processor of tokenizer.json adds it; not adding it");
    }
    model.addBos = wanted;
  }
  if (model.addBos && model.bos < 0) {
    context.bad("special-token", "add_bos_token", addBos, "is true, but there is no bos_token");
  }
  if (context.boolean(root, "add_eos_token", "", false)) {
    context.unsupported("add-eos", "add_eos_token", root.find("add_eos_token"),
                        "is true, but prompts that end with the eos token are not supported");
  }
  for (StringRef key : {"clean_up_tokenization_spaces", "add_prefix_space"}) {
    if (root.find(key).boolean() == true) {
      diagnostics.warning("tokenizer-ignored", context.file, key,
                          "is true, but is ignored: texts are encoded and decoded as tokenizer.json says");
    }
  }
  if (context.boolean(root, "split_special_tokens", "", false)) {
    diagnostics.warning("split-special", context.file, "split_special_tokens",
                        "is true, but is ignored: fathom tokenize reads special tokens in a text as tokens",
                        "--no-parse-special reads them as ordinary text");
  }
}

void TokenizerReader::useTemplateBos(const Context &context, const AddedBos &bos, const Vocabulary &vocabulary) {
  std::string name = "token " + quote(bos.token) + " of the post-processor ";
  model.bos = idOrNone(vocabulary.find(bos.token));
  model.addBos = true;
  if (model.bos < 0) {
    context.bad("special-token", "post_processor", {}, name + "is not in tokenizer.json");
    return;
  }
  for (Value id : bos.ids.elements()) {
    if (bos.ids.size() != 1 || id.integer() != model.bos) {
      context.bad("special-token", "post_processor", bos.ids,
                  name + "has id " + Twine(model.bos) + " in the vocabulary and another in \"special_tokens\"");
      return;
    }
  }
}

/// The root of a file beside tokenizer.json; absent where there is none, and after a finding.
Value TokenizerReader::readBeside(StringRef name, JsonFile &file) {
  std::string path = checkpoint::joinPath(directory, name);
  bool good = checkpoint::exists(path) && checkpoint::staysInside(directory, name, diagnostics) &&
              readJsonObject(path, kMaxConfigBytes, diagnostics, file);
  return good ? file.root() : Value();
}

std::optional<TokenizerModel> TokenizerReader::build(const Context &context, Value root,
                                                     const ConfigurationFiles &files) {
  Value tokens = root.find("model");
  if (!tokens || !tokens.isObject()) {
    context.bad("tokenizer-type", "model", tokens, "expected an object, found " + show(tokens),
                tokens ? "" : "this is another file: pass a tokenizer.json, or the directory that has one");
    return std::nullopt;
  }
  // Of a tokenizer of another kind nothing else is as expected: one finding says it.
  if (!checkModelKind(context, tokens)) {
    return std::nullopt;
  }
  Vocabulary vocabulary(context, limit, model.added);
  if (std::optional<AddedBos> bos = readTokens(context, root, vocabulary, files)) {
    useTemplateBos(context, *bos, vocabulary);
  }
  readEnds(files, vocabulary);
  readChat(files, directory, chatFormat, model);
  if (!diagnostics.hasErrors()) {
    checkNormalized(context);
  }
  return diagnostics.hasErrors() ? std::nullopt : std::optional<TokenizerModel>(std::move(model));
}

std::optional<TokenizerModel> TokenizerReader::read(const std::string &path) {
  JsonFile tokenizer, config, map, added;
  if (!readJsonObject(path, kMaxTokenizerBytes, diagnostics, tokenizer)) {
    return std::nullopt;
  }
  ConfigurationFiles files{contextOf("tokenizer_config.json"),   readBeside("tokenizer_config.json", config),
                           contextOf("special_tokens_map.json"), readBeside("special_tokens_map.json", map),
                           contextOf("added_tokens.json"),       readBeside("added_tokens.json", added)};
  return build({diagnostics, path}, tokenizer.root(), files);
}

std::optional<TokenizerModel> TokenizerReader::parse(std::string tokenizer, std::string config) {
  JsonFile file{std::move(tokenizer), {}}, configFile{std::move(config), {}};
  Context context = contextOf("tokenizer.json");
  Context configContext = contextOf("tokenizer_config.json");
  bool hasConfig = !configFile.text.empty();
  if (!parseJsonObject(context.file, diagnostics, file) ||
      (hasConfig && !parseJsonObject(configContext.file, diagnostics, configFile))) {
    return std::nullopt;
  }
  Value configRoot = hasConfig ? configFile.root() : Value();
  return build(context, file.root(), {configContext, configRoot, context, {}, context, {}});
}

std::optional<TokenizerModel> readTokenizer(StringRef path, Diagnostics &diagnostics,
                                            std::optional<uint32_t> vocabulary, StringRef chatFormat) {
  bool isDirectory = llvm::sys::fs::is_directory(path);
  std::string file = isDirectory ? checkpoint::joinPath(path, "tokenizer.json") : path.str();
  StringRef parent = llvm::sys::path::parent_path(file);
  std::string directory = isDirectory ? path.str() : (parent.empty() ? "." : parent.str());
  // A file that the user names may be any link.
  if (isDirectory && !checkpoint::staysInside(directory, "tokenizer.json", diagnostics)) {
    return std::nullopt;
  }
  return TokenizerReader(directory, diagnostics, vocabulary, chatFormat).read(file);
}

std::optional<TokenizerModel> parseTokenizer(std::string tokenizer, std::string config, Diagnostics &diagnostics,
                                             std::optional<uint32_t> vocabulary, StringRef chatFormat) {
  return TokenizerReader("", diagnostics, vocabulary, chatFormat).parse(std::move(tokenizer), std::move(config));
}

bool hasTokenizer(StringRef directory) { return checkpoint::exists(checkpoint::joinPath(directory, "tokenizer.json")); }

} // namespace fathom::frontend

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes tokenizers: a tokenizer.json, a zero byte, a tokenizer_config.json, a zero byte, a text. Beyond not crashing:
// what the reader accepts the runtime verifies, and the bytes of a text's tokens are the text.

#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/src/tokenizer/tokenizer.h"
#include "llvm/ADT/StringRef.h"

#include <cstdlib>

using namespace fathom;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

/// Whether what is encoded decodes to the same bytes. Added tokens may take white space around them, or the id of a
/// piece that stands for other bytes than their text; a normalizer changes bytes.
static bool keepsBytes(const frontend::TokenizerModel &model) {
  bool keeps = model.normalizer == artifact::Normalizer::none;
  for (const frontend::AddedToken &token : model.added) {
    keeps = keeps && !token.leftStrip && !token.rightStrip;
  }
  for (size_t byte = 0; byte < model.byteTokens.size(); ++byte) {
    keeps = keeps && model.tokens[model.byteTokens[byte]] == std::string(1, char(byte));
  }
  for (const frontend::Merge &merge : model.merges) {
    keeps = keeps && model.tokens[merge.result] == model.tokens[merge.left] + model.tokens[merge.right];
  }
  return keeps;
}

static void checkText(tokenizer::Tokenizer tokenizer, std::string_view text, bool parseSpecial, bool keepsBytes) {
  Buffer<int32_t> ids;
  check(tokenizer.encode(text, {false, parseSpecial}, ids) == tokenizer::Status::Ok);
  tokenizer::StreamDecoder decoder(tokenizer, false);
  Buffer<char> decoded;
  std::string bytes;
  for (int32_t id : ids) {
    bytes += tokenizer.bytes(id);
    check(decoder.feed(id, decoded) == tokenizer::Status::Ok);
  }
  check(decoder.finish(decoded) == tokenizer::Status::Ok);
  check(!keepsBytes || bytes == text);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto [json, rest] = llvm::StringRef(reinterpret_cast<const char *>(data), size).split('\0');
  auto [config, text] = rest.split('\0');
  checkpoint::Diagnostics diagnostics;
  std::optional<frontend::TokenizerModel> model = frontend::parseTokenizer(json.str(), config.str(), diagnostics);
  check(model.has_value() != diagnostics.hasErrors());
  if (!model) {
    return 0;
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(frontend::writeTokenizer(builder, *model));
  const auto &table = *flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer());
  check(tokenizer::verify(table) == nullptr);
  std::string_view view(text.data(), text.size());
  // Bytes of an added token come only from its own text.
  checkText(tokenizer::Tokenizer(table), view, true, keepsBytes(*model));
  checkText(tokenizer::Tokenizer(table), view, false, keepsBytes(*model));
  return 0;
}

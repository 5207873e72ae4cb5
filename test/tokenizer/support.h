// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tokenizer tests share: tables in memory, from files or made up, and short ways to call them.

#ifndef FATHOM_TEST_TOKENIZER_SUPPORT_H
#define FATHOM_TEST_TOKENIZER_SUPPORT_H

#include "frontend/checkpoint/Json.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/src/tokenizer/tokenizer.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace fathom::test {

/// A table and its memory.
class Table {
public:
  explicit Table(const frontend::TokenizerModel &model);

  const artifact::Tokenizer &operator*() const;
  tokenizer::Tokenizer view() const { return tokenizer::Tokenizer(**this); }
  /// For tests that damage the table.
  uint8_t *memory() { return builder->GetBufferPointer(); }
  size_t size() const { return builder->GetSize(); }

private:
  std::unique_ptr<flatbuffers::FlatBufferBuilder> builder;
};

/// Pre-tokenizers of known tokenizers.
const std::vector<frontend::Split> &deepseekV3Splits();
const std::vector<frontend::Split> &qwenSplits();
const std::vector<frontend::Split> &llama3Splits();
const std::vector<frontend::Split> &deepseekLlmSplits();
const std::vector<frontend::Split> &deepseekCoderSplits();
/// All of these, and one without splits.
std::vector<std::vector<frontend::Split>> knownSplits();

/// The 256 bytes with the pre-tokenizer of DeepSeek-V3, and every text of `merged` as a merge of its longest known
/// start and the rest.
frontend::TokenizerModel tinyModel(const std::vector<std::string> &merged = {});

/// Adds a token; flags may be set on what is returned.
frontend::AddedToken &addToken(frontend::TokenizerModel &model, const std::string &text);

std::vector<int32_t> encode(const Table &table, std::string_view text, tokenizer::EncodeOptions options = {});
std::string decode(const Table &table, const std::vector<int32_t> &ids, bool skipSpecial = false);
/// The bytes of the tokens, joined by '|'.
std::string pieces(const Table &table, const std::vector<int32_t> &ids);

/// A folder or file of fixtures.
std::string fixture(const std::string &name);
/// A folder of fixtures that are kept compressed.
std::string unpacked(const std::string &name);
std::string readFile(const std::string &path);

/// A line of a JSON-lines file. Read with the project's own reader: LLVM's loses planes above 1 in surrogate pairs.
struct JsonLine {
  std::string text;
  checkpoint::json::Document document;
  checkpoint::json::Value operator[](llvm::StringRef key) const { return document.root().find(key); }
};
std::deque<JsonLine> readLines(const std::string &path);
std::vector<int32_t> idsOf(const JsonLine &line);

/// A folder of this process's own that goes away with it.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string write(const std::string &name, const std::string &text) const;
  std::string path;
};

} // namespace fathom::test

#endif // FATHOM_TEST_TOKENIZER_SUPPORT_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables, fixtures and temporary folders.

#include "test/tokenizer/support.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace fathom::test {

Table::Table(const frontend::TokenizerModel &model) : builder(new flatbuffers::FlatBufferBuilder(1 << 16)) {
  builder->Finish(frontend::writeTokenizer(*builder, model));
}

const artifact::Tokenizer &Table::operator*() const {
  return *flatbuffers::GetRoot<artifact::Tokenizer>(builder->GetBufferPointer());
}

using artifact::Matcher;

const std::vector<frontend::Split> &deepseekV3Splits() {
  static const std::vector<frontend::Split> splits = {
      {Matcher::numbers_1_to_3},
      {Matcher::cjk_and_kana},
      {Matcher::ascii_sign_word, Matcher::word_with_marks, Matcher::punctuation_and_symbols, Matcher::spaces}};
  return splits;
}

const std::vector<frontend::Split> &qwenSplits() {
  static const std::vector<frontend::Split> splits = {
      {Matcher::contraction, Matcher::word, Matcher::number, Matcher::signs, Matcher::spaces}};
  return splits;
}

const std::vector<frontend::Split> &llama3Splits() {
  static const std::vector<frontend::Split> splits = {
      {Matcher::contraction, Matcher::word, Matcher::numbers_1_to_3, Matcher::signs, Matcher::spaces}};
  return splits;
}

const std::vector<frontend::Split> &deepseekLlmSplits() {
  static const std::vector<frontend::Split> splits = {{Matcher::newline},           {Matcher::spaced_cased_letters},
                                                      {Matcher::spaced_wide_signs}, {Matcher::trailing_space},
                                                      {Matcher::cjk_and_hangul},    {Matcher::number}};
  return splits;
}

const std::vector<frontend::Split> &deepseekCoderSplits() {
  static const std::vector<frontend::Split> splits = {{Matcher::newline},
                                                      {Matcher::spaced_letters},
                                                      {Matcher::spaced_punctuation},
                                                      {Matcher::cjk_and_hangul},
                                                      {Matcher::number}};
  return splits;
}

std::vector<std::vector<frontend::Split>> knownSplits() {
  return {deepseekV3Splits(), qwenSplits(), llama3Splits(), deepseekLlmSplits(), deepseekCoderSplits(), {}};
}

frontend::TokenizerModel tinyModel(const std::vector<std::string> &merged) {
  frontend::TokenizerModel model;
  model.preTokenizer = deepseekV3Splits();
  for (unsigned byte = 0; byte < 256; ++byte) {
    model.tokens.emplace_back(1, char(byte));
    model.byteTokens[byte] = byte;
  }
  auto find = [&](const std::string &text) {
    for (size_t i = 0; i < model.tokens.size(); ++i) {
      if (model.tokens[i] == text) {
        return int64_t(i);
      }
    }
    return int64_t(-1);
  };
  for (const std::string &text : merged) {
    for (size_t split = text.size() - 1; split > 0; --split) {
      int64_t left = find(text.substr(0, split));
      int64_t right = find(text.substr(split));
      if (left >= 0 && right >= 0) {
        model.merges.push_back({uint32_t(left), uint32_t(right), uint32_t(model.tokens.size())});
        break;
      }
    }
    model.tokens.push_back(text);
  }
  return model;
}

frontend::AddedToken &addToken(frontend::TokenizerModel &model, const std::string &text) {
  model.added.push_back({uint32_t(model.tokens.size())});
  model.tokens.push_back(text);
  return model.added.back();
}

std::vector<int32_t> encode(const Table &table, std::string_view text, tokenizer::EncodeOptions options) {
  Buffer<int32_t> ids;
  if (table.view().encode(text, options, ids) != tokenizer::Status::Ok) {
    return {-1};
  }
  return {ids.begin(), ids.end()};
}

std::string decode(const Table &table, const std::vector<int32_t> &ids, bool skipSpecial) {
  tokenizer::StreamDecoder decoder(table.view(), skipSpecial);
  Buffer<char> text;
  for (int32_t id : ids) {
    if (decoder.feed(id, text) != tokenizer::Status::Ok) {
      return "decoding failed";
    }
  }
  if (decoder.finish(text) != tokenizer::Status::Ok) {
    return "decoding failed";
  }
  return {text.begin(), text.end()};
}

std::string pieces(const Table &table, const std::vector<int32_t> &ids) {
  std::string joined;
  for (int32_t id : ids) {
    joined += (joined.empty() ? "" : "|") + std::string(table.view().bytes(id));
  }
  return joined;
}

std::string fixture(const std::string &name) { return FATHOM_FIXTURES "/" + name; }

std::string unpacked(const std::string &name) { return FATHOM_UNPACKED "/" + name; }

std::string readFile(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  return file ? (*file)->getBuffer().str() : "";
}

std::deque<JsonLine> readLines(const std::string &path) {
  std::deque<JsonLine> lines;
  std::string text = readFile(path);
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    checkpoint::json::SyntaxError error;
    if (line.empty()) {
      continue;
    }
    lines.emplace_back();
    lines.back().text = line.str();
    if (!lines.back().document.parse(lines.back().text, error)) {
      std::abort();
    }
  }
  return lines;
}

std::vector<int32_t> idsOf(const JsonLine &line) {
  std::vector<int32_t> ids;
  for (checkpoint::json::Value id : line["ids"].elements()) {
    ids.push_back(int32_t(*id.integer()));
  }
  return ids;
}

TemporaryDirectory::TemporaryDirectory() {
  llvm::SmallString<128> made;
  if (llvm::sys::fs::createUniqueDirectory("fathom-tokenizer", made)) {
    std::abort();
  }
  path = made.str().str();
}

TemporaryDirectory::~TemporaryDirectory() { llvm::sys::fs::remove_directories(path); }

std::string TemporaryDirectory::write(const std::string &name, const std::string &text) const {
  std::error_code error;
  llvm::raw_fd_ostream out(path + "/" + name, error);
  out << text;
  return path + "/" + name;
}

} // namespace fathom::test

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Real tokenizers: ids and decoded text equal those of the tokenizers library, line by line.

#include "test/tokenizer/support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;

namespace {

Table open(const std::string &path) {
  checkpoint::Diagnostics diagnostics;
  auto model = frontend::readTokenizer(path, diagnostics);
  EXPECT_TRUE(model.has_value()) << path << ": "
                                 << (diagnostics.findings().empty() ? "" : diagnostics.findings()[0].message);
  Table table(model ? *model : tinyModel());
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  return table;
}

void expectGolden(const Table &table, const std::string &path, size_t count = 600) {
  std::deque<JsonLine> lines = readLines(path);
  EXPECT_EQ(lines.size(), count);
  for (const JsonLine &line : lines) {
    std::string text = line["text"].string().str();
    EXPECT_EQ(encode(table, text, {false, true}), idsOf(line)) << text;
    EXPECT_EQ(decode(table, idsOf(line)), line["decoded"].string().str());
  }
}

TEST(GoldenTest, DeepSeekV3) { expectGolden(open(unpacked("deepseek-v3")), unpacked("deepseek-v3/golden.jsonl")); }

TEST(GoldenTest, DeepSeekV4) {
  // V4 shares all but the added tokens with V3.
  llvm::json::Value json = llvm::cantFail(llvm::json::parse(readFile(unpacked("deepseek-v3/tokenizer.json"))));
  (*json.getAsObject())["added_tokens"] =
      llvm::cantFail(llvm::json::parse(readFile(unpacked("deepseek-v4/added_tokens.json"))));
  TemporaryDirectory directory;
  directory.write("tokenizer.json", llvm::formatv("{0}", json).str());
  directory.write("tokenizer_config.json", readFile(fixture("deepseek-v4/tokenizer_config.json")));
  expectGolden(open(directory.path), unpacked("deepseek-v4/golden.jsonl"));
}

TEST(GoldenTest, Qwen3) { expectGolden(open(fixture("qwen3")), unpacked("qwen3/golden.jsonl")); }

// Pipelines as released around small vocabularies.
TEST(GoldenTest, Llama3) { expectGolden(open(fixture("llama3")), unpacked("llama3/golden.jsonl"), 203); }

TEST(GoldenTest, DeepSeekLlm) {
  expectGolden(open(fixture("deepseek-llm")), unpacked("deepseek-llm/golden.jsonl"), 203);
}

TEST(GoldenTest, DeepSeekCoder) {
  expectGolden(open(fixture("deepseek-coder")), unpacked("deepseek-coder/golden.jsonl"), 203);
}

TEST(GoldenTest, DeepSeekV3Chat) {
  Table table = open(unpacked("deepseek-v3"));
  std::deque<JsonLine> lines = readLines(fixture("deepseek-v3/chat.jsonl"));
  EXPECT_EQ(lines.size(), 12u);
  for (const JsonLine &line : lines) {
    tokenizer::RenderedChat chat;
    Buffer<int32_t> ids;
    EXPECT_EQ(table.view().renderChat(line.text, false, chat), tokenizer::Status::Ok) << chat.error;
    EXPECT_EQ(table.view().encodeChat(chat, true, ids), tokenizer::Status::Ok);
    EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), idsOf(line));
  }
}

TEST(GoldenTest, EqualModelsGiveEqualBytes) {
  Table first = open(fixture("qwen3"));
  Table second = open(fixture("qwen3"));
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(std::memcmp(first.memory(), second.memory(), first.size()), 0);
}

} // namespace

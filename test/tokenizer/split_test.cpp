// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scanners against what the patterns say, written down as pieces.

#include "runtime/src/tokenizer/split.h"
#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

#include <string>

using namespace fathom;
using namespace fathom::test;
using artifact::Matcher;

namespace {

/// The pieces joined by '|'.
std::string cut(const std::vector<frontend::Split> &splits, std::string_view text) {
  frontend::TokenizerModel model = tinyModel();
  model.preTokenizer = splits;
  Table table(model);
  std::string joined;
  auto take = [](void *self, std::string_view piece) {
    std::string &out = *static_cast<std::string *>(self);
    out += (out.empty() ? "" : "|") + std::string(piece);
    return true;
  };
  EXPECT_TRUE(tokenizer::split(*(*table).pre_tokenizer(), text, {take, &joined}));
  return joined;
}

TEST(SplitTest, DeepSeekV3) {
  auto v3 = [](std::string_view text) { return cut(deepseekV3Splits(), text); };
  EXPECT_EQ(v3("Hello, world!"), "Hello|,| world|!");
  EXPECT_EQ(v3("1234567"), "123|456|7");
  EXPECT_EQ(v3("a1b"), "a|1|b");
  EXPECT_EQ(v3("_foo bar"), "_foo| bar");
  EXPECT_EQ(v3("a\u4E00\u3042b"), "a|\u4E00\u3042|b");
  EXPECT_EQ(v3("\u3042\u30FB\u3044"), "\u3042|\u30FB|\u3044");
  EXPECT_EQ(v3("x   y"), "x|  | y");
  // A number ends the text of the third split: what is before it is at its end.
  EXPECT_EQ(v3("x   1"), "x|   |1");
  EXPECT_EQ(v3(" \n\n  x"), " \n\n| | x");
  EXPECT_EQ(v3("a.\n\nb"), "a|.\n\n|b");
  EXPECT_EQ(v3("\x01\x02"
               "a"),
            "\x01|\x02"
            "a");
  EXPECT_EQ(v3("\u0301x"), "\u0301x");
}

TEST(SplitTest, Qwen) {
  auto qwen = [](std::string_view text) { return cut(qwenSplits(), text); };
  EXPECT_EQ(qwen("don't we'LL"), "don|'t| we|'LL");
  EXPECT_EQ(qwen("it'\u017Fa"), "it|'\u017F|a");
  EXPECT_EQ(qwen("12"), "1|2");
  EXPECT_EQ(qwen("(foo) bar"), "(foo|)| bar");
  EXPECT_EQ(qwen("a \u0301b"), "a| \u0301|b");
  EXPECT_EQ(qwen("x  \n y"), "x|  \n| y");
  EXPECT_EQ(qwen("x   1"), "x|  | |1");
}

TEST(SplitTest, Llama3) {
  auto llama3 = [](std::string_view text) { return cut(llama3Splits(), text); };
  EXPECT_EQ(llama3("1234567"), "123|456|7");
  EXPECT_EQ(llama3("I'Ve 12,345"), "I|'Ve| |12|,|345");
  EXPECT_EQ(llama3("x   1"), "x|  | |1");
  EXPECT_EQ(llama3("\u0E01\u0E34"), "\u0E01|\u0E34");
}

TEST(SplitTest, NoSplitsGiveOnePiece) {
  EXPECT_EQ(cut({}, "a b1"), "a b1");
  EXPECT_EQ(cut({}, ""), "");
}

TEST(SplitTest, TheFirstAlternativeThatMatchesCounts) {
  EXPECT_EQ(cut({{Matcher::number, Matcher::numbers}}, "123"), "1|2|3");
  EXPECT_EQ(cut({{Matcher::numbers, Matcher::number}}, "123"), "123");
}

TEST(SplitTest, DeepSeekLlm) {
  auto llm = [](std::string_view text) { return cut(deepseekLlmSplits(), text); };
  EXPECT_EQ(llm("Hello, world 12"), "Hello|,| world| |1|2");
  EXPECT_EQ(llm("a\r\nb"), "a|\r|\n|b");
  EXPECT_EQ(llm("x \u4E2D\u6587 "), "x| |\u4E2D\u6587| ");
  // Armenian small letters are not in the class.
  EXPECT_EQ(llm("\u0561b"), "\u0561|b");
  EXPECT_EQ(llm("  a"), " | a");
}

TEST(SplitTest, DeepSeekCoder) {
  auto coder = [](std::string_view text) { return cut(deepseekCoderSplits(), text); };
  EXPECT_EQ(coder("x = f(1)\n"), "x| =| f|(|1|)|\n");
  EXPECT_EQ(coder("\u0561b"), "\u0561b");
}

TEST(SplitTest, StopsWhenTheSinkSaysSo) {
  int seen = 0;
  auto take = [](void *self, std::string_view) { return ++*static_cast<int *>(self) < 2; };
  Table table(tinyModel());
  EXPECT_FALSE(tokenizer::split(*(*table).pre_tokenizer(), "a b c d", {take, &seen}));
  EXPECT_EQ(seen, 2);
}

} // namespace

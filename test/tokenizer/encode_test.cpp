// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding: merges, bytes that are not UTF-8, bos, special text from users.

#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

#include <random>

using namespace fathom;
using namespace fathom::test;
using tokenizer::EncodeOptions;

namespace {

TEST(EncodeTest, LowestRankGoesFirst) {
  Table table(tinyModel({"bc", "ab", "abc"}));
  EXPECT_EQ(pieces(table, encode(table, "abc")), "a|bc");
}

TEST(EncodeTest, LeftmostOfEqualRanksGoesFirst) {
  Table table(tinyModel({"aa"}));
  EXPECT_EQ(pieces(table, encode(table, "aaaaa")), "aa|aa|a");
}

TEST(EncodeTest, MergesDoNotCrossPieces) {
  Table table(tinyModel({"a1"}));
  EXPECT_EQ(pieces(table, encode(table, "a1")), "a|1");
}

TEST(EncodeTest, WholeWordsAreNotMerged) {
  // "abc" has no merge: only a piece that is all of it becomes the token.
  frontend::TokenizerModel model = tinyModel({"ab"});
  model.tokens.push_back("abc");
  EXPECT_EQ(pieces(Table(model), encode(Table(model), "abc")), "ab|c");
  model.wholeWords = {256, 257};
  Table table(model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  EXPECT_EQ(pieces(table, encode(table, "abc")), "abc");
  EXPECT_EQ(pieces(table, encode(table, "abcd")), "ab|c|d");
}

TEST(EncodeTest, EmptyTextHasNoTokens) {
  Table table(tinyModel());
  EXPECT_EQ(encode(table, "", {true, true}), std::vector<int32_t>());
}

TEST(EncodeTest, AnyBytesComeBackWithEveryPreTokenizer) {
  std::mt19937 random(7);
  frontend::TokenizerModel model = tinyModel({"ab", "\xC3\xA9", "\xE4\xB8", "  "});
  addToken(model, "<s>");
  for (const std::vector<frontend::Split> &splits : knownSplits()) {
    model.preTokenizer = splits;
    Table table(model);
    ASSERT_EQ(tokenizer::verify(*table), nullptr);
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (size_t n = random() % 40; n > 0; --n) {
        static const char *const kParts[] = {
            "\xC3\xA9", "\xE4\xB8\xAD", "\xED\xA0\x80", "\xF4\x90", "ab",      " ", "\r\n",
            "1",        "<s>",          "\xC0\x80",     "'s",       "\xCC\x81"};
        text += random() % 3 == 0 ? std::string(1, char(random())) : kParts[random() % std::size(kParts)];
      }
      std::string back;
      for (int32_t id : encode(table, text, {false, round % 2 == 0})) {
        back += table.view().bytes(id);
      }
      ASSERT_EQ(back, text);
    }
  }
}

TEST(EncodeTest, SpecialTextIsParsedOnlyWhenAsked) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "<|User|>").special = true;
  Table table(model);
  EXPECT_EQ(encode(table, "<|User|>", {false, true}), std::vector<int32_t>{256});
  EXPECT_EQ(encode(table, "<|User|>", {false, false}).size(), 8u);
}

TEST(EncodeTest, BosIsAddedOnceWhereTheModelWantsIt) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "<bos>").special = true;
  model.bos = 256;
  EXPECT_EQ(encode(Table(model), "a", {true, true}), std::vector<int32_t>{'a'});
  EXPECT_EQ(encode(Table(model), "a", {true, true, true}), (std::vector<int32_t>{256, 'a'}));
  EXPECT_EQ(encode(Table(model), "<bos>a", {false, true, true}), (std::vector<int32_t>{256, 'a'}));
  model.addBos = true;
  Table table(model);
  EXPECT_EQ(encode(table, "a", {true, true}), (std::vector<int32_t>{256, 'a'}));
  EXPECT_EQ(encode(table, "<bos>a", {true, true}), (std::vector<int32_t>{256, 'a'}));
  EXPECT_EQ(encode(table, "<bos><bos>", {true, true}), (std::vector<int32_t>{256, 256}));
  EXPECT_EQ(encode(table, "", {true, true}), std::vector<int32_t>{256});
  EXPECT_EQ(encode(table, "a", {false, true}), std::vector<int32_t>{'a'});
}

TEST(EncodeTest, RefusesTextOfTwoGibibytes) {
  Table table(tinyModel());
  Buffer<int32_t> ids;
  // Refused by its size: nothing at the pointer is read.
  std::string_view text("a", size_t(1) << 31);
  EXPECT_EQ(table.view().encode(text, {}, ids), tokenizer::Status::TextTooLong);
}

TEST(EncodeTest, IdsOutOfRangeHaveNoBytes) {
  Table table(tinyModel());
  EXPECT_EQ(table.view().bytes(-1), "");
  EXPECT_EQ(table.view().bytes(256), "");
  EXPECT_FALSE(table.view().isSpecial(-1));
}

} // namespace

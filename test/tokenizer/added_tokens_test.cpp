// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Added tokens: leftmost, longest, and the flags.

#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;

namespace {

std::string found(const frontend::TokenizerModel &model, std::string_view text) {
  Table table(model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  return pieces(table, encode(table, text, {false, true}));
}

TEST(AddedTokensTest, LongestOfOverlappingWins) {
  frontend::TokenizerModel model = tinyModel();
  for (const char *text : {"<a", "<a>", "<a><b>", "b>"}) {
    addToken(model, text);
  }
  EXPECT_EQ(found(model, "<a><b>"), "<a><b>");
  EXPECT_EQ(found(model, "<a><b"), "<a>|<|b");
  EXPECT_EQ(found(model, "<ab>"), "<a|b>");
}

TEST(AddedTokensTest, PrefixThatLeadsNowhereFallsBack) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "aab");
  EXPECT_EQ(found(model, "aaab"), "a|aab");
}

TEST(AddedTokensTest, StripsWhiteSpace) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "<l>").leftStrip = true;
  addToken(model, "<r>").rightStrip = true;
  EXPECT_EQ(found(model, "x \t<l> y"), "x|<l>| |y");
  EXPECT_EQ(found(model, "x <r>\xE3\x80\x80\n y"), "x| |<r>|y");
  EXPECT_EQ(found(model, "<r>  <l>"), "<r>|<l>");
}

TEST(AddedTokensTest, SingleWordNeedsNoWordBeside) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "key").singleWord = true;
  EXPECT_EQ(found(model, "key"), "key");
  EXPECT_EQ(found(model, "(key)"), "(|key|)");
  EXPECT_EQ(found(model, "keys"), "k|e|y|s");
  EXPECT_EQ(found(model, "\xC3\xA9key"), "\xC3|\xA9|k|e|y");
  EXPECT_EQ(found(model, "_key"), "_|k|e|y");
}

TEST(AddedTokensTest, NormalizedOnesAreFoundInNormalizedText) {
  frontend::TokenizerModel model = tinyModel();
  model.normalizer = artifact::Normalizer::nfc;
  addToken(model, "\xC3\xA9!").normalized = true;
  EXPECT_EQ(found(model, "e\xCC\x81!"), "\xC3\xA9!");
  model.added[0].normalized = false;
  EXPECT_EQ(found(model, "e\xCC\x81!"), "\xC3|\xA9|!");
}

TEST(AddedTokensTest, ThoseBeforeNormalizationComeFirst) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "ab").normalized = true;
  addToken(model, "bc");
  EXPECT_EQ(found(model, "abc"), "a|bc");
}

} // namespace

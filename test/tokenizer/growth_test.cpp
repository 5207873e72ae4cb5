// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hostile prompts: the work grows as the text does. Work is counted, not timed.

#include "runtime/src/tokenizer/merge.h"
#include "runtime/src/tokenizer/split.h"
#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;

namespace {

std::string repeat(std::string_view part, size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    text += part;
  }
  return text;
}

constexpr size_t kMegabyte = 1 << 20;

const char *const kParts[] = {"a", " ",    "\u4E2D", "\u0301", "\n", " \n",         "!",
                              "1", "\xFF", "^",      "'",      "a ", "\u0301\u0323"};

frontend::TokenizerModel merging() {
  return tinyModel({"aa", "aaaa", "aaaaaaaa", "  ", "    ", "\xE4\xB8", "\xCC\x81", "!!", "\n\n"});
}

TEST(GrowthTest, AMegabyteOfAnythingComesBack) {
  frontend::TokenizerModel model = merging();
  addToken(model, "aaaaaaaaaaaaaaab");
  for (const std::vector<frontend::Split> &splits : knownSplits()) {
    model.preTokenizer = splits;
    Table table(model);
    for (const char *part : kParts) {
      bool main = splits == deepseekV3Splits();
      std::string text = repeat(part, main ? kMegabyte : kMegabyte / 8);
      size_t bytes = 0;
      for (int32_t id : encode(table, text, {false, true})) {
        bytes += table.view().bytes(id).size();
      }
      EXPECT_EQ(bytes, text.size()) << part;
    }
  }
}

TEST(GrowthTest, MarksOfAMegabyteAreNormalized) {
  frontend::TokenizerModel model = merging();
  model.normalizer = artifact::Normalizer::nfc;
  Table table(model);
  std::string text = "q" + repeat("\u0301\u0323", kMegabyte);
  std::vector<int32_t> ids = encode(table, text);
  std::string back = decode(table, ids);
  EXPECT_EQ(back.size(), text.size());
  EXPECT_EQ(back.substr(0, 5), "q\u0323\u0323");
}

TEST(GrowthTest, MergingTakesAtMostThreeStepsAByte) {
  Table table(merging());
  for (const char *part : kParts) {
    tokenizer::Merger merger(*table);
    std::string piece = repeat(part, kMegabyte);
    Buffer<int32_t> ids;
    ASSERT_TRUE(merger.merge(piece, ids));
    // Every byte is proposed once, and every merge, of which there are fewer than bytes, proposes two.
    EXPECT_LE(merger.work(), 3 * piece.size()) << part;
  }
}

TEST(GrowthTest, PiecesCoverTheTextInOrder) {
  struct Cover {
    const char *at;
    bool inOrder;
  };
  auto take = [](void *self, std::string_view piece) {
    Cover &cover = *static_cast<Cover *>(self);
    cover.inOrder = cover.inOrder && piece.data() == cover.at && !piece.empty();
    cover.at += piece.size();
    return true;
  };
  // Every matcher by itself too: a file may combine them as it likes.
  std::vector<std::vector<frontend::Split>> chains = knownSplits();
  for (artifact::Matcher matcher : artifact::EnumValuesMatcher()) {
    chains.push_back({{matcher}});
  }
  for (const std::vector<frontend::Split> &splits : chains) {
    frontend::TokenizerModel model = tinyModel();
    model.preTokenizer = splits;
    Table table(model);
    for (const char *part : kParts) {
      std::string text = repeat(part, kMegabyte / 4);
      Cover cover{text.data(), true};
      EXPECT_TRUE(tokenizer::split(*(*table).pre_tokenizer(), text, {take, &cover}));
      EXPECT_TRUE(cover.inOrder && cover.at == text.data() + text.size()) << part;
    }
  }
}

} // namespace

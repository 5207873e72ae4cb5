// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Damaged tables: each kind of damage is found, and no damage gets further than verify.

#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

#include <random>

using namespace fathom;
using namespace fathom::test;

namespace {

frontend::TokenizerModel sample() {
  frontend::TokenizerModel model = tinyModel({"ab", "abc"});
  model.wholeWords = {256, 257};
  addToken(model, "<s>").special = true;
  addToken(model, "<t>").normalized = true;
  addToken(model, "<u>").special = true;
  model.bos = model.eos = 258;
  return model;
}

template <class T>
T *writable(const flatbuffers::Vector<T> *vector) {
  return const_cast<T *>(vector->data());
}

/// What verify says after `damage`.
template <class Damage>
std::string after(Damage damage) {
  Table table(sample());
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  damage(const_cast<artifact::Tokenizer &>(*table));
  const char *problem = tokenizer::verify(*table);
  return problem == nullptr ? "" : problem;
}

artifact::MergeSlot *usedSlot(artifact::Tokenizer &table) {
  auto *slots = reinterpret_cast<artifact::MergeSlot *>(const_cast<uint8_t *>(table.merges()->Data()));
  while (slots->result() == 0xFFFFFFFF) {
    ++slots;
  }
  return slots;
}

TEST(VerifyTest, FindsBadTokens) {
  using T = artifact::Tokenizer;
  EXPECT_NE(after([](T &t) { writable(t.token_offsets())[3] = 2000; }), "");
  EXPECT_NE(after([](T &t) { writable(t.token_offsets())[0] = 1; }), "");
  EXPECT_NE(after([](T &t) { writable(t.token_offsets())[t.token_offsets()->size() - 1] += 1; }), "");
  EXPECT_NE(after([](T &t) { writable(t.byte_tokens())[7] = 261; }), "");
}

TEST(VerifyTest, FindsBadWholeWords) {
  using T = artifact::Tokenizer;
  auto fill = [](T &t, uint32_t id) { std::fill_n(writable(t.whole_words()), t.whole_words()->size(), id); };
  EXPECT_NE(after([&](T &t) { writable(t.whole_words())[0] = 261; }).find("whole word"), std::string::npos);
  EXPECT_NE(after([&](T &t) { fill(t, 7); }).find("full"), std::string::npos);
}

/// What verify says of these splits.
std::string ofSplits(const std::vector<frontend::Split> &splits) {
  frontend::TokenizerModel model = sample();
  model.preTokenizer = splits;
  Table table(model);
  const char *problem = tokenizer::verify(*table);
  return problem == nullptr ? "" : problem;
}

TEST(VerifyTest, FindsBadSplits) {
  using artifact::Matcher;
  EXPECT_EQ(ofSplits({{Matcher::trailing_space}, {Matcher::number}}), "");
  EXPECT_NE(ofSplits({{}}), "");
  EXPECT_NE(ofSplits({frontend::Split(17, Matcher::number)}), "");
  EXPECT_NE(ofSplits(std::vector<frontend::Split>(17, {Matcher::number})), "");
  EXPECT_NE(ofSplits({{Matcher::number, Matcher::trailing_space}}), "");
  EXPECT_NE(ofSplits({{Matcher(200)}}), "");
}

TEST(VerifyTest, FindsBadMerges) {
  using T = artifact::Tokenizer;
  EXPECT_NE(after([](T &t) { *usedSlot(t) = artifact::MergeSlot(261, 0, 0, 0); }), "");
  EXPECT_NE(after([](T &t) { *usedSlot(t) = artifact::MergeSlot(0, 261, 0, 0); }), "");
  EXPECT_NE(after([](T &t) { *usedSlot(t) = artifact::MergeSlot(0, 0, 0, 261); }), "");
}

TEST(VerifyTest, FindsAFullMergeTable) {
  auto fill = [](artifact::Tokenizer &t) {
    auto *slots = reinterpret_cast<artifact::MergeSlot *>(const_cast<uint8_t *>(t.merges()->Data()));
    std::fill(slots, slots + t.merges()->size(), artifact::MergeSlot(1, 1, 1, 1));
  };
  EXPECT_EQ(after(fill), "tokenizer: the merge table is full");
}

TEST(VerifyTest, FindsBadAddedTokens) {
  using T = artifact::Tokenizer;
  auto tokens = [](T &t) {
    return reinterpret_cast<artifact::AddedToken *>(const_cast<uint8_t *>(t.added()->tokens()->Data()));
  };
  auto none = artifact::AddedTokenFlags::NONE;
  EXPECT_NE(after([&](T &t) { tokens(t)[0] = artifact::AddedToken(261, none); }), "");
  EXPECT_NE(after([&](T &t) { std::swap(tokens(t)[0], tokens(t)[1]); }), "");
  EXPECT_NE(after([&](T &t) { tokens(t)[0] = artifact::AddedToken('x', none); }), "");
  EXPECT_NE(after([](T &t) { writable(t.added()->first())[200] = 7; }), "");
  EXPECT_NE(after([](T &t) { writable(t.added()->first())[256] = 7; }), "");
}

TEST(VerifyTest, FindsBadSpecialTokensAndEnds) {
  using T = artifact::Tokenizer;
  EXPECT_NE(after([](T &t) { writable(t.special())[0] = 261; }), "");
  EXPECT_NE(after([](T &t) { std::swap(writable(t.special())[0], writable(t.special())[1]); }), "");
  frontend::TokenizerModel model = sample();
  model.bos = 261;
  EXPECT_NE(tokenizer::verify(*Table(model)), nullptr);
  model.bos = -2;
  EXPECT_NE(tokenizer::verify(*Table(model)), nullptr);
}

frontend::ChatProgram chatOf(const char *source) {
  frontend::ChatError error;
  auto program = frontend::compileChatTemplate(source, error);
  EXPECT_TRUE(program) << error.message;
  program->name = "default";
  return *program;
}

TEST(VerifyTest, FindsChatTemplatesThatPointOutOfThemselves) {
  using artifact::ChatNodeKind;
  auto verifyWith = [](auto change) {
    frontend::TokenizerModel model = sample();
    model.chats = {chatOf("{% macro m(a) %}{{ a | upper }}{% endmacro %}{{ m(messages[0].content) }}")};
    change(model.chats[0]);
    return tokenizer::verify(*Table(model));
  };
  using Program = frontend::ChatProgram;
  EXPECT_EQ(verifyWith([](Program &) {}), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.name = "other"; }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.nodes.clear(); }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.texts.clear(); }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.operands.pop_back(); }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.operands.back() = uint32_t(p.nodes.size() - 1); }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.add(ChatNodeKind::filter, {}, 5000, {0}); }), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.add(ChatNodeKind::macro, {}, 0, {1, uint32_t(p.nodes.size() - 1)}); }),
            nullptr);
  // A parameter behind what says that a macro takes more arguments.
  auto withBehindRest = [&](ChatNodeKind kind) {
    return verifyWith([&](Program &p) {
      uint32_t rest = p.add(ChatNodeKind::unpack, {}, 0, {}), last = p.add(kind, {}, 0, {});
      p.add(ChatNodeKind::macro, {}, 0, {0, rest, last});
    });
  };
  EXPECT_EQ(withBehindRest(ChatNodeKind::unpack), nullptr);
  EXPECT_NE(withBehindRest(ChatNodeKind::parameter), nullptr);
  EXPECT_NE(verifyWith([](Program &p) { p.add(ChatNodeKind(200), {}, 0, {}); }), nullptr);
}

TEST(VerifyTest, FindsUnknownEnumerators) {
  frontend::TokenizerModel model = sample();
  model.normalizer = artifact::Normalizer(200);
  EXPECT_NE(tokenizer::verify(*Table(model)), nullptr);
}

TEST(VerifyTest, DamagedBytesAreRefusedOrHarmless) {
  std::mt19937 random(11);
  Table pristine(sample());
  std::vector<uint8_t> bytes(pristine.memory(), pristine.memory() + pristine.size());
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> damaged = bytes;
    for (int n = 1 + int(random() % 3); n > 0; --n) {
      damaged[random() % damaged.size()] = uint8_t(random());
    }
    flatbuffers::Verifier verifier(damaged.data(), damaged.size());
    if (!verifier.VerifyBuffer<artifact::Tokenizer>(nullptr)) {
      continue;
    }
    const auto &table = *flatbuffers::GetRoot<artifact::Tokenizer>(damaged.data());
    if (tokenizer::verify(table) != nullptr) {
      continue;
    }
    tokenizer::Tokenizer view(table);
    Buffer<int32_t> ids;
    EXPECT_EQ(view.encode("abc <s> <t>ab 12 \xFF\u4E2D", {true, true}, ids), tokenizer::Status::Ok);
    for (int32_t id : ids) {
      EXPECT_TRUE(view.contains(id));
    }
  }
}

} // namespace

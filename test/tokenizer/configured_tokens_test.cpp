// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens that files beside tokenizer.json name are taken as the transformers library takes them; where two files
// disagree a warning names both.

#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;

namespace {

struct Outcome {
  std::optional<frontend::TokenizerModel> model;
  int exitCode = 0;
  std::string messages;
};

/// The fixture "llama3", whose ids end with <|begin_of_text|> 900 and <|eot_id|> 901, with other files beside it.
Outcome readBeside(const std::string &config, const std::string &map = "", const std::string &added = "",
                   std::optional<uint32_t> vocabulary = {}) {
  TemporaryDirectory directory;
  directory.write("tokenizer.json", readFile(fixture("llama3/tokenizer.json")));
  for (auto &[name, text] : {std::pair("tokenizer_config.json", config), std::pair("special_tokens_map.json", map),
                             std::pair("added_tokens.json", added)}) {
    if (!text.empty()) {
      directory.write(name, text);
    }
  }
  checkpoint::Diagnostics diagnostics;
  Outcome outcome;
  outcome.model = frontend::readTokenizer(directory.path, diagnostics, vocabulary);
  outcome.exitCode = diagnostics.exitCode();
  for (const checkpoint::Finding &finding : diagnostics.findings()) {
    outcome.messages += finding.file.substr(directory.path.size() + 1) + ": " + finding.message + "\n";
  }
  return outcome;
}

std::vector<int32_t> encodeWith(const Outcome &outcome, std::string_view text) {
  if (!outcome.model) {
    return {-1};
  }
  Table table(*outcome.model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  return encode(table, text, {false, true});
}

void expectMessage(const Outcome &outcome, int exitCode, const std::string &text) {
  EXPECT_EQ(outcome.exitCode, exitCode) << outcome.messages;
  EXPECT_NE(outcome.messages.find(text), std::string::npos) << outcome.messages;
}

TEST(ConfiguredTokensTest, TokensOfTheConfigurationAloneGetTheNextId) {
  Outcome outcome = readBeside(R"({"added_tokens_decoder": {"902": {"content": "<tool>", "special": true}}})");
  EXPECT_EQ(outcome.messages, "");
  EXPECT_EQ(encodeWith(outcome, "<tool>"), std::vector<int32_t>{902});
  EXPECT_TRUE(Table(*outcome.model).view().isSpecial(902));
}

TEST(ConfiguredTokensTest, AnIdThatIsNotTheNextIsNamed) {
  Outcome outcome = readBeside(R"({"added_tokens_decoder": {"950": {"content": "<tool>"}}})");
  expectMessage(outcome, 0,
                "tokenizer_config.json: gives token '<tool>' the id 950, which is not the next one after "
                "those of tokenizer.json (902): the token is ignored");
  EXPECT_GT(encodeWith(outcome, "<tool>").size(), 1u);
}

TEST(ConfiguredTokensTest, AnotherIdThanInTheTokenizerIsNamed) {
  Outcome outcome =
      readBeside(R"({"added_tokens_decoder": {"5": {"content": "<|eot_id|>", "special": true, "normalized": false}}})");
  expectMessage(outcome, 0,
                "gives token '<|eot_id|>' the id 5, but tokenizer.json gives it 901, which takes precedence");
  EXPECT_EQ(encodeWith(outcome, "<|eot_id|>"), std::vector<int32_t>{901});
}

TEST(ConfiguredTokensTest, FlagsOfTheConfigurationCount) {
  Outcome outcome = readBeside(
      R"({"added_tokens_decoder": {"901": {"content": "<|eot_id|>", "special": true, "normalized": false, "lstrip": true}}})");
  expectMessage(outcome, 0, "gives token '<|eot_id|>' other flags than before");
  EXPECT_EQ(encodeWith(outcome, "  <|eot_id|>"), std::vector<int32_t>{901});
}

TEST(ConfiguredTokensTest, NamedTokensBecomeSpecial) {
  // "th" is an ordinary entry.
  int32_t id = encodeWith(readBeside("{}"), "th").at(0);
  Outcome outcome = readBeside(R"({"additional_special_tokens": ["th"]})");
  EXPECT_EQ(outcome.messages, "");
  EXPECT_TRUE(Table(*outcome.model).view().isSpecial(id));
  EXPECT_FALSE(Table(*readBeside("{}").model).view().isSpecial(id));
}

TEST(ConfiguredTokensTest, NamesWithoutIdsAreNamed) {
  for (const char *config : {R"({"additional_special_tokens": ["<nope>"]})", R"({"pad_token": {"content": "<nope>"}})",
                             R"({"extra_special_tokens": {"image_token": "<nope>"}})"}) {
    expectMessage(readBeside(config), 0, "names '<nope>', to which no file gives an id: it is ordinary text");
  }
}

TEST(ConfiguredTokensTest, AddedTokensFileCountsWithoutADecoder) {
  EXPECT_EQ(encodeWith(readBeside("{}", "", R"({"<x>": 902, "<|eot_id|>": 901})"), "<x>"), std::vector<int32_t>{902});
  expectMessage(readBeside("{}", "", R"({"<x>": 950})"), 0, "added_tokens.json: gives token '<x>' the id 950");
  expectMessage(readBeside("{}", "", R"({"<x>": "y"})"), 3, "expected a text and a token id, found '<x>' and 'y'");
  const char *decoder = R"({"added_tokens_decoder": {}})";
  EXPECT_GT(encodeWith(readBeside(decoder, "", R"({"<x>": 902})"), "<x>").size(), 1u);
}

TEST(ConfiguredTokensTest, TheMapSaysEndsThatTheConfigurationDoesNot) {
  Outcome outcome = readBeside("{}", R"({"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|eot_id|>"}})");
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.model->bos, 900);
  EXPECT_EQ(outcome.model->eos, 901);
}

TEST(ConfiguredTokensTest, MapAndConfigurationAreCompared) {
  const char *map = R"({"eos_token": "<|begin_of_text|>"})";
  Outcome outcome = readBeside(R"({"eos_token": "<|eot_id|>"})", map);
  expectMessage(outcome, 0,
                "'<|eot_id|>', while special_tokens_map.json says '<|begin_of_text|>'; taking "
                "'<|begin_of_text|>'");
  EXPECT_EQ(outcome.model->eos, 900);
  outcome = readBeside(R"({"eos_token": "<|eot_id|>", "added_tokens_decoder": {}})", map);
  expectMessage(outcome, 0, "taking '<|eot_id|>'");
  EXPECT_EQ(outcome.model->eos, 901);
}

TEST(ConfiguredTokensTest, RefusesBadDecoders) {
  auto decoder = [](const std::string &token) { return readBeside(R"({"added_tokens_decoder": {)" + token + "}}"); };
  expectMessage(decoder(R"("x": {"content": "<x>"})"), 3, "key 'x' is not a token id");
  expectMessage(decoder(R"("-1": {"content": "<x>"})"), 3, "key '-1' is not a token id");
  expectMessage(decoder(R"("902": "<x>")"), 3, "expected an object with a string 'content'");
  expectMessage(decoder(R"("902": {"content": ""})"), 0, "empty content is ignored");
  expectMessage(readBeside(R"({"added_tokens_decoder": {"902": {"content": "<x>"}}})", "", "", 902), 3,
                "token '<x>' with id 902 is too long or out of range");
}

} // namespace

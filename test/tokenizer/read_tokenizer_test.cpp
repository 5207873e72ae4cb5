// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tokenizer.json as it should not be: every finding, with the right exit code (rows E1 to E6 and E11).

#include "test/tokenizer/support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

using namespace fathom;
using namespace fathom::test;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

namespace {

/// The vocabulary entry of a byte, as the reader spells it.
std::string spelled(unsigned byte) {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> spelling;
    unsigned next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      unsigned c = itself ? b : next++;
      spelling.push_back(c < 0x80 ? std::string(1, char(c))
                                  : std::string{char(0xC0 | (c >> 6)), char(0x80 | (c & 63))});
    }
    return spelling;
  }();
  return all[byte];
}

Object byteLevel() { return Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}; }

Object split(const std::string &pattern) {
  return Object{
      {"type", "Split"}, {"pattern", Object{{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

/// DeepSeek-Coder's stages, the shortest of the known ones.
Array coderStages() {
  return Array{split("[\r\n]"),
               split("\\s?\\p{L}+"),
               split("\\s?\\p{P}+"),
               split("[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"),
               Object{{"type", "Digits"}, {"individual_digits", true}},
               byteLevel()};
}

/// A tokenizer with 256 bytes, "ab" (256) and an added "<s>" (257).
Object good() {
  Object vocab;
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab[spelled(byte)] = byte;
  }
  vocab["ab"] = 256;
  return Object{{"added_tokens", Array{Object{{"id", 257}, {"content", "<s>"}, {"special", true}}}},
                {"normalizer", nullptr},
                {"pre_tokenizer", Object{{"type", "Sequence"}, {"pretokenizers", coderStages()}}},
                {"post_processor", nullptr},
                {"decoder", Object{{"type", "ByteLevel"}}},
                {"model", Object{{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", Array{"a b"}}}}};
}

struct Outcome {
  std::optional<frontend::TokenizerModel> model;
  int exitCode = 0;
  size_t errors = 0;
  std::string messages;
};

Outcome readText(const std::string &text, const std::string &config = "", std::optional<uint32_t> vocabulary = {}) {
  TemporaryDirectory directory;
  directory.write("tokenizer.json", text);
  if (!config.empty()) {
    directory.write("tokenizer_config.json", config);
  }
  checkpoint::Diagnostics diagnostics;
  Outcome outcome;
  outcome.model = frontend::readTokenizer(directory.path, diagnostics, vocabulary);
  outcome.exitCode = diagnostics.exitCode();
  outcome.errors = diagnostics.errorCount();
  for (const checkpoint::Finding &finding : diagnostics.findings()) {
    outcome.messages += finding.where + ": " + finding.message + "\n";
  }
  EXPECT_EQ(outcome.model.has_value(), outcome.exitCode == 0) << outcome.messages;
  return outcome;
}

Outcome readWith(const std::function<void(Object &)> &change, const std::string &config = "") {
  Object tokenizer = good();
  change(tokenizer);
  return readText(llvm::formatv("{0}", Value(std::move(tokenizer))).str(), config);
}

void expectFinding(const Outcome &outcome, int exitCode, const std::string &text) {
  EXPECT_EQ(outcome.exitCode, exitCode) << outcome.messages;
  EXPECT_NE(outcome.messages.find(text), std::string::npos) << outcome.messages;
}

Object &model(Object &tokenizer) { return *tokenizer.getObject("model"); }
Object &vocab(Object &tokenizer) { return *model(tokenizer).getObject("vocab"); }
Array &added(Object &tokenizer) { return *tokenizer.getArray("added_tokens"); }
Array &stages(Object &tokenizer) { return *tokenizer.getObject("pre_tokenizer")->getArray("pretokenizers"); }

TEST(ReadTokenizerTest, ReadsAGoodOne) {
  Outcome outcome = readWith([](Object &) {});
  ASSERT_TRUE(outcome.model) << outcome.messages;
  Table table(*outcome.model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  EXPECT_EQ(encode(table, "ab <s>", {false, true}), (std::vector<int32_t>{256, ' ', 257}));
  EXPECT_TRUE(outcome.model->chats.empty());
}

TEST(ReadTokenizerTest, TakesMergesAsPairs) {
  Outcome outcome = readWith([](Object &t) { model(t)["merges"] = Array{Array{"a", "b"}}; });
  ASSERT_TRUE(outcome.model);
  EXPECT_EQ(outcome.model->merges.size(), 1u);
}

TEST(ReadTokenizerTest, RefusesWhatIsNotJson) {
  for (const char *text : {"", "{", "[1]", "{} x", "null", "{\"model\": 1e}", "\xFF", "{\"a\":1,\"a\":2}"}) {
    EXPECT_EQ(readText(text).exitCode, 3) << text;
  }
  EXPECT_EQ(readText(std::string(100000, '[')).exitCode, 3);
}

TEST(ReadTokenizerTest, RefusesMissingFiles) {
  TemporaryDirectory directory;
  checkpoint::Diagnostics diagnostics;
  EXPECT_FALSE(frontend::readTokenizer(directory.path, diagnostics));
  EXPECT_EQ(diagnostics.exitCode(), 5);
}

/// A directory with a good tokenizer in which `name` is a link to `target`: the exit code.
int codeOfLink(const std::string &name, const std::string &target) {
  TemporaryDirectory directory;
  directory.write("tokenizer.json", llvm::formatv("{0}", Value(good())).str());
  std::filesystem::remove(directory.path + "/" + name);
  std::filesystem::create_directory(directory.path + "/additional_chat_templates");
  std::filesystem::create_symlink(target, directory.path + "/" + name);
  EXPECT_TRUE(frontend::hasTokenizer(directory.path));
  checkpoint::Diagnostics diagnostics;
  EXPECT_FALSE(frontend::readTokenizer(directory.path, diagnostics));
  return diagnostics.exitCode();
}

TEST(ReadTokenizerTest, RefusesLinksToNothingAndOutOfTheDirectory) {
  for (const char *name :
       {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "additional_chat_templates/tool_use.jinja"}) {
    EXPECT_EQ(codeOfLink(name, "nowhere"), 5) << name;
    EXPECT_EQ(codeOfLink(name, "/etc/passwd"), 3) << name;
  }
}

TEST(ReadTokenizerTest, RefusesMissingParts) {
  expectFinding(readText("{}"), 3, "model");
  expectFinding(readWith([](Object &t) { model(t).erase("vocab"); }), 3, "model.vocab");
  expectFinding(readWith([](Object &t) { model(t)["merges"] = "a b"; }), 3, "model.merges");
}

TEST(ReadTokenizerTest, RefusesMergesOfUnknownTokens) {
  expectFinding(readWith([](Object &t) { model(t)["merges"] = Array{"a b", "a zz"}; }), 3,
                "token 'zz' is not in the vocabulary");
  expectFinding(readWith([](Object &t) { model(t)["merges"] = Array{"b a"}; }), 3,
                "token 'ba' is not in the vocabulary");
  for (Value merge : {Value("ab"), Value("a b c"), Value(" a"), Value(Array{"a"}), Value(Array{"a", 1}), Value(7)}) {
    expectFinding(readWith([&](Object &t) { model(t)["merges"] = Array{merge}; }), 3, "model.merges");
  }
}

TEST(ReadTokenizerTest, RefusesBadIds) {
  for (Value id : {Value(-1), Value(int64_t(1) << 31), Value(1.5), Value("1"), Value(nullptr)}) {
    expectFinding(readWith([&](Object &t) { vocab(t)["ab"] = id; }), 3, "token id");
  }
  expectFinding(readWith([](Object &t) { vocab(t)["ab"] = 5; }), 3, "share id 5");
  expectFinding(readText(llvm::formatv("{0}", Value(good())).str(), "", 257), 3, "not an integer in [0, 257)");
  EXPECT_TRUE(readText(llvm::formatv("{0}", Value(good())).str(), "", 258).model);
}

TEST(ReadTokenizerTest, RefusesBadAddedTokens) {
  auto add = [](Object token) { return readWith([&](Object &t) { added(t).push_back(Value(std::move(token))); }); };
  expectFinding(add(Object{{"id", 258}}), 3, "added_tokens");
  expectFinding(add(Object{{"id", 257}, {"content", "<t>"}}), 3, "share id 257");
  expectFinding(add(Object{{"id", 258}, {"content", "<t>"}, {"lstrip", 1}}), 3, "lstrip");
  expectFinding(add(Object{{"id", 258}, {"content", std::string(2000, 'x')}}), 4, "2000 bytes");
}

/// Ids that the tokenizers library would give as well. An unused one is no text.
TEST(ReadTokenizerTest, TakesIdsThatNoTokenHas) {
  Outcome outcome = readWith([](Object &t) { vocab(t)["ab"] = 300; });
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.messages, "");
  Table table(*outcome.model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  EXPECT_EQ(encode(table, "ab<s>", {false, true}), (std::vector<int32_t>{300, 257}));
  EXPECT_EQ(decode(table, {256, 300, 299}), "ab");
  expectFinding(readWith([](Object &t) { vocab(t)["ab"] = 1 << 21; }), 6, "at most 1048576 are supported");
}

TEST(ReadTokenizerTest, RefusesAddedTokensThatTheLibraryWouldNumberOtherwise) {
  auto add = [](int id) {
    return readWith([&](Object &t) { added(t).push_back(Object{{"id", id}, {"content", "x<"}}); });
  };
  EXPECT_TRUE(add(258).model);
  expectFinding(add(300), 3, "token 'x<' has id 300, but the tokenizers library gives it 258, and no token has id 258");
}

TEST(ReadTokenizerTest, TakesOfAddedTokensWhatTheLibraryTakes) {
  auto add = [](Object token) { return readWith([&](Object &t) { added(t).push_back(Value(std::move(token))); }); };
  EXPECT_EQ(add(Object{{"id", 257}, {"content", "<s>"}, {"special", true}}).messages, "");
  Outcome ordinary = add(Object{{"id", 257}, {"content", "<s>"}, {"normalized", false}});
  expectFinding(ordinary, 0, "gives token '<s>' other flags than before");
  EXPECT_FALSE(Table(*ordinary.model).view().isSpecial(257));
  expectFinding(add(Object{{"id", 258}, {"content", ""}}), 0, "empty content is ignored");
  Outcome renumbered = add(Object{{"id", 256}, {"content", "x"}});
  expectFinding(renumbered, 0, "gives token 'x' the id 256, but it has the id 120 already, which takes precedence");
  EXPECT_EQ(encode(Table(*renumbered.model), "x"), std::vector<int32_t>{120});
}

TEST(ReadTokenizerTest, SkipsTheVersionOfMergesThatAreLines) {
  Outcome outcome = readWith([](Object &t) { model(t)["merges"] = Array{"#version: 0.2", "a b"}; });
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.model->merges.size(), 1u);
}

TEST(ReadTokenizerTest, TakesOddByteTokensAsText) {
  Outcome outcome = readWith([](Object &t) {
    vocab(t)["<0x-1>"] = 258;
    vocab(t)["<0xZZ>"] = 259;
  });
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.model->tokens[258], "<0x-1>");
}

TEST(ReadTokenizerTest, RefusesUnknownPatternsAndNamesThem) {
  for (const char *pattern : {"(a+)+$", "(?<=a)b", "\\w+", ""}) {
    expectFinding(readWith([&](Object &t) { stages(t)[1] = split(pattern); }), 4, pattern);
  }
  EXPECT_EQ(readWith([](Object &t) { stages(t)[0] = split(std::string(1 << 20, '(')); }).exitCode, 4);
  expectFinding(readWith([](Object &t) { t["pre_tokenizer"] = nullptr; }), 4, "ByteLevel");
  expectFinding(readWith([](Object &t) { stages(t)[0] = Object{{"type", "Metaspace"}}; }), 4, "'Metaspace'");
  expectFinding(readWith([](Object &t) { (*stages(t)[0].getAsObject())["pattern"] = "x"; }), 4, "Regex");
  expectFinding(readWith([](Object &t) { stages(t)[5].getAsObject()->erase("use_regex"); }), 4, "use_regex");
}

constexpr const char *kLlama3 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
                                R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The outcome of a tokenizer with these stages.
Outcome readStages(Array stages) {
  return readWith(
      [&](Object &t) { t["pre_tokenizer"] = Object{{"type", "Sequence"}, {"pretokenizers", std::move(stages)}}; });
}

/// A Split of `pattern` with another behavior.
Object splitAs(const std::string &pattern, const char *behavior, bool invert) {
  return Object{{"type", "Split"}, {"pattern", Object{{"Regex", pattern}}}, {"behavior", behavior}, {"invert", invert}};
}

TEST(ReadTokenizerTest, CompilesPatternsByAlternative) {
  using Splits = std::vector<frontend::Split>;
  EXPECT_EQ(readStages(Array{split(kLlama3), byteLevel()}).model->preTokenizer, llama3Splits());
  // The same with possessive quantifiers.
  const char *possessive = R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*)"
                           R"(|\s*[\r\n]|\s+(?!\S)|\s+)";
  EXPECT_EQ(readStages(Array{split(possessive), byteLevel()}).model->preTokenizer, llama3Splits());
  using artifact::Matcher;
  EXPECT_EQ(readStages(Array{split(R"(\s?\p{P}+|\p{N})"), byteLevel()}).model->preTokenizer,
            (Splits{{Matcher::spaced_punctuation, Matcher::number}}));
  EXPECT_EQ(readStages(Array{byteLevel()}).model->preTokenizer, Splits());
  EXPECT_EQ(
      readStages(Array{Object{{"type", "Digits"}, {"individual_digits", false}}, byteLevel()}).model->preTokenizer,
      (Splits{{Matcher::numbers}}));
}

TEST(ReadTokenizerTest, TakesSequencesInSequences) {
  Object inner{{"type", "Sequence"}, {"pretokenizers", Array{split(kLlama3), byteLevel()}}};
  EXPECT_EQ(readStages(Array{std::move(inner)}).model->preTokenizer, llama3Splits());
}

TEST(ReadTokenizerTest, TakesBehaviorsThatCutTheSame) {
  EXPECT_EQ(readStages(Array{splitAs(kLlama3, "Removed", true), byteLevel()}).model->preTokenizer, llama3Splits());
  EXPECT_EQ(readStages(Array{splitAs(kLlama3, "Isolated", true), byteLevel()}).model->preTokenizer, llama3Splits());
}

TEST(ReadTokenizerTest, RefusesBehaviorsThatCutDifferently) {
  expectFinding(readStages(Array{splitAs(kLlama3, "Removed", false), byteLevel()}), 4, "'Removed'");
  expectFinding(readStages(Array{splitAs("\\p{N}", "Removed", true), byteLevel()}), 4, "'Removed', inverted");
  expectFinding(readStages(Array{splitAs("\\p{N}", "MergedWithNext", false), byteLevel()}), 4, "'MergedWithNext'");
  // In the library $ is the end of a line.
  expectFinding(readStages(Array{split("\\s+$"), byteLevel()}), 4, "without a Split of");
}

TEST(ReadTokenizerTest, BoundsSplitsAndAlternatives) {
  Array stages;
  std::string pattern = "\\p{N}";
  for (int i = 0; i < 17; ++i) {
    stages.push_back(split("\\p{N}"));
    pattern += "|\\p{N}";
  }
  stages.push_back(byteLevel());
  expectFinding(readStages(std::move(stages)), 4, "17 stages; at most 16");
  expectFinding(readStages(Array{split(pattern), byteLevel()}), 4, "unknown pattern");
}

TEST(ReadTokenizerTest, TakesWholeWordsWhereMergesAreIgnored) {
  Outcome outcome = readWith([](Object &t) {
    model(t)["ignore_merges"] = true;
    model(t)["merges"] = Array{};
    // Not spelled in the byte alphabet: no text becomes it.
    vocab(t)["\u4E2D"] = 258;
  });
  ASSERT_TRUE(outcome.model) << outcome.messages;
  Table table(*outcome.model);
  EXPECT_EQ(encode(table, "ab"), std::vector<int32_t>{256});
  EXPECT_EQ(encode(table, "abb"), (std::vector<int32_t>{'a', 'b', 'b'}));
  EXPECT_EQ(encode(table, "\u4E2D"), (std::vector<int32_t>{0xE4, 0xB8, 0xAD}));
}

/// Nothing else of such files is as expected either; only the cause is said.
TEST(ReadTokenizerTest, SaysOfOtherKindsOnlyThat) {
  auto other = [](const Object &kind) {
    return readWith(
        [&](Object &t) {
          t["model"] = Object(kind);
          t["normalizer"] = Object{{"type", "Prepend"}};
          t["decoder"] = Object{{"type", "Fuse"}};
        },
        R"({"bos_token": "<nope>"})");
  };
  Outcome unigram = other(Object{{"type", "Unigram"}, {"unk_id", 0}, {"vocab", Array{Array{"<unk>", 0.0}}}});
  expectFinding(unigram, 4, "model.type (");
  expectFinding(unigram, 4, "model 'Unigram'; only 'BPE'");
  Outcome sentencePiece =
      other(Object{{"type", "BPE"}, {"byte_fallback", true}, {"unk_token", "<unk>"}, {"vocab", Object{{"<0x00>", 0}}}});
  expectFinding(sentencePiece, 4, "SentencePiece tokenizers");
  for (const Outcome &outcome : {unigram, sentencePiece, other(Object{{"vocab", Object{}}})}) {
    EXPECT_EQ(outcome.exitCode, 4) << outcome.messages;
    EXPECT_EQ(outcome.errors, 1u) << outcome.messages;
  }
}

TEST(ReadTokenizerTest, TakesMergesWithoutATypeAsBpe) {
  EXPECT_TRUE(readWith([](Object &t) { model(t).erase("type"); }).model);
}

TEST(ReadTokenizerTest, RefusesOptionsItDoesNotHave) {
  auto set = [](const char *key, Value value) { return readWith([&](Object &t) { model(t)[key] = value; }); };
  expectFinding(set("ignore_merges", 1), 3, "model.ignore_merges");
  expectFinding(set("byte_fallback", 1), 3, "model.byte_fallback");
  expectFinding(set("dropout", 0.1), 4, "model.dropout");
  expectFinding(set("unk_token", "<unk>"), 4, "model.unk_token");
  expectFinding(set("end_of_word_suffix", "</w>"), 4, "model.end_of_word_suffix");
  expectFinding(set("continuing_subword_prefix", "##"), 4, "model.continuing_subword_prefix");
  EXPECT_TRUE(set("fuse_unk", true).model);
  EXPECT_TRUE(set("end_of_word_suffix", "").model);
  expectFinding(readWith([](Object &t) { t["version"] = "2.0"; }), 4, "version '2.0'; only '1.0' is supported");
  EXPECT_TRUE(readWith([](Object &t) { t["version"] = "1.0"; }).model);
  expectFinding(readWith([](Object &t) { t["normalizer"] = Object{{"type", "Lowercase"}}; }), 4, "'Lowercase'");
  expectFinding(readWith([](Object &t) { t["decoder"] = Object{{"type", "WordPiece"}}; }), 4, "'WordPiece'");
  expectFinding(readWith([](Object &t) { t["post_processor"] = Object{{"type", "BertProcessing"}}; }), 4,
                "BertProcessing");
  expectFinding(readWith([](Object &t) {
                  vocab(t).erase("a");
                  vocab(t)["zz"] = 97;
                  model(t)["merges"] = Array{};
                }),
                4, "single bytes 97");
  expectFinding(readWith([](Object &t) {
                  model(t)["vocab"] = Object{{"a", 97}};
                  model(t)["merges"] = Array{};
                }),
                3, "single bytes 0, 1, 2, 3, 4, 5, 6, 7 and 247 others");
}

TEST(ReadTokenizerTest, ReportsEverythingAtOnce) {
  Outcome outcome = readWith([](Object &t) {
    model(t)["dropout"] = 0.1;
    model(t)["merges"] = Array{"x y", "a"};
    added(t).push_back(Object{{"id", 258}});
    t["decoder"] = nullptr;
  });
  EXPECT_EQ(outcome.errors, 5u) << outcome.messages;
  EXPECT_EQ(outcome.exitCode, 3);
}

TEST(ReadTokenizerTest, ReadsEndsFromTheConfiguration) {
  Outcome outcome =
      readWith([](Object &) {}, R"({"bos_token": "<s>", "eos_token": {"content": "ab"}, "add_bos_token": true})");
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.model->bos, 257);
  EXPECT_EQ(outcome.model->eos, 256);
  EXPECT_TRUE(outcome.model->addBos);
}

TEST(ReadTokenizerTest, ReadsBosFromTheTemplate) {
  auto withTemplate = [](Object &t) {
    t["post_processor"] = Object{
        {"type", "TemplateProcessing"},
        {"single", Array{Object{{"SpecialToken", Object{{"id", "<s>"}}}}, Object{{"Sequence", Object{{"id", "A"}}}}}}};
  };
  Outcome outcome = readWith(withTemplate);
  ASSERT_TRUE(outcome.model) << outcome.messages;
  EXPECT_EQ(outcome.model->bos, 257);
  EXPECT_TRUE(outcome.model->addBos);
  EXPECT_FALSE(readWith(withTemplate, R"({"add_bos_token": false})").model->addBos);
}

TEST(ReadTokenizerTest, RefusesTemplatesWithAnotherIdThanTheVocabulary) {
  for (Array ids : {Array{5}, Array{257, 257}, Array{"257"}}) {
    Outcome outcome = readWith([&](Object &t) {
      Object special;
      special["<s>"] = Object{{"id", "<s>"}, {"ids", Array(ids)}};
      Array single{Object{{"SpecialToken", Object{{"id", "<s>"}}}}, Object{{"Sequence", Object{{"id", "A"}}}}};
      t["post_processor"] =
          Object{{"type", "TemplateProcessing"}, {"single", std::move(single)}, {"special_tokens", std::move(special)}};
    });
    expectFinding(outcome, 3, "has id 257 in the vocabulary and another in \"special_tokens\"");
  }
}

TEST(ReadTokenizerTest, RefusesBadConfigurations) {
  auto none = [](Object &) {};
  expectFinding(readWith(none, "{"), 3, "");
  expectFinding(readWith(none, R"({"bos_token": "<nope>"})"), 3, "'<nope>' is not in tokenizer.json");
  for (const char *value : {"1", "[]", R"({"foo": 1})"}) {
    Outcome outcome = readWith(none, std::string(R"({"eos_token": )") + value + "}");
    expectFinding(outcome, 3, "eos_token (1:15): expected a string, or an object with a string \"content\", found ");
    EXPECT_EQ(std::count(outcome.messages.begin(), outcome.messages.end(), '\n'), 1) << outcome.messages;
  }
  Outcome unknown = readWith(none, R"({"eos_token": "<nope>"})");
  EXPECT_EQ(unknown.messages, "eos_token (1:16): token '<nope>' is not in tokenizer.json\n");
  expectFinding(readWith(none, R"({"pad_token": 7})"), 0, "pad_token: expected a string, or an object");
  expectFinding(readWith(none, R"({"add_bos_token": true})"), 3, "there is no bos_token");
  expectFinding(readWith(none, R"({"add_bos_token": "yes"})"), 3, "expected true or false");
  expectFinding(readWith(none, R"({"add_eos_token": true, "eos_token": "<s>"})"), 4, "add_eos_token");
}

TEST(ReadTokenizerTest, WarnsOfSpecialTokensThatOthersSplit) {
  auto none = [](Object &) {};
  expectFinding(readWith(none, R"({"split_special_tokens": true})"), 0,
                "split_special_tokens: is true, but is ignored");
  EXPECT_EQ(readWith(none, R"({"split_special_tokens": false})").messages, "");
}

TEST(ReadTokenizerTest, BrokenTemplatesHaveAPlace) {
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "ab\n{% for x y %}"})"), 3, "line 2, column 10");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{{ x"})"), 3, "expected the end of the expression");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{% include 'a' %}"})"), 4, "line 1, column 4");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{{ x | pprint }}"})"), 4, "'pprint' is not supported");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{% if x %}{{ x | pprint }}{% endif %}"})"), 4,
                "line 1, column 18: the filter 'pprint' is not supported");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{% if x %}{{ x is test }}{% endif %}"})"), 4,
                "line 1, column 19: the test 'test' is not supported");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{{ '\\N{DASH}' }}"})"), 4, "column 4");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{% set x | upper | pprint %}"})"), 4, "column 20");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": "{% set none = 1 %}"})"), 3, "cannot assign to 'none'");
  expectFinding(readWith([](Object &) {}, R"({"chat_template": 7})"), 3, "chat_template");
}

TEST(ReadTokenizerTest, FormatsBeyondTheSubsetHaveAPlace) {
  auto none = [](Object &) {};
  expectFinding(readWith(none, R"({"chat_template": "{{ '{:>{}}'.format(1, 5) }}"})"), 4,
                "line 1, column 13: a field of this format is not supported in chat templates");
  expectFinding(readWith(none, R"({"chat_template": "{{ '{!a}'.format(1) }}"})"), 4, "a field of this format");
  expectFinding(readWith(none, R"({"chat_template": "{{ '{:n}'.format(1) }}"})"), 4, "a field of this format");
  for (const char *format : {"%*d", "a%%%c", "%(x)a"}) {
    expectFinding(readWith(none, std::string(R"({"chat_template": "{{ ')") + format + R"(' % x }}"})"), 4,
                  "a conversion of this format is not supported in chat templates");
  }
  EXPECT_EQ(readWith(none, R"({"chat_template": "{{ '{{{:>5}}}'.format(1) }}{{ '%d%%c' % 1 }}"})").exitCode, 0);
}

TEST(ReadTokenizerTest, NumbersThatAreNone) {
  auto none = [](Object &) {};
  expectFinding(readWith(none, R"({"chat_template": "{{ 9223372036854775808 }}"})"), 4, "integers above 2^63 - 1");
  for (const char *number : {"007", "0x", "0b2", "0o8", "1__0", "1_", "0xg"}) {
    expectFinding(readWith(none, std::string(R"({"chat_template": "{{ )") + number + R"( }}"})"), 3, "expected '}}'");
  }
}

TEST(ReadTokenizerTest, TakesTheDefaultOfSeveralTemplates) {
  Outcome outcome = readWith([](Object &) {}, R"({"chat_template": [{"name": "rag", "template": "{%"},
    {"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  ASSERT_TRUE(outcome.model);
  ASSERT_EQ(outcome.model->chats.size(), 2u);
  EXPECT_EQ(outcome.model->chats[1].name, "default");
}

} // namespace

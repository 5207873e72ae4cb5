// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bad configurations: each is refused with the right exit code and a message that says what is wrong.

#include "test/frontend/huggingface/ConfigText.h"

#include <map>
#include <sys/stat.h>

namespace fathom::huggingface {
namespace {

using namespace test;

TEST(ModelConfigErrorsTest, A1NotAnObject) {
  expectBadConfig("", 3, "config.json: 1:1: expected a value, found the end of the text");
  expectBadConfig("", 3, "the file is empty: the download may be incomplete");
  expectBadConfig(std::string(100, '\0'), 3, "the file begins with zeros: the download may be incomplete");
  expectBadConfig("[]", 3, "expected an object, found an array");
  expectBadConfig("null", 3, "expected an object, found null");
  expectBadConfig("model_type: x", 3, "1:1: expected a value, found 'm'");
  expectBadConfig("\xef\xbb\xbf{}", 3, "byte order mark");
  expectBadConfig(std::string("{\0\"\0", 4), 3, "UTF-16");
  expectBadConfig("version https://git-lfs.github.com/spec/v1\n", 3, "Git LFS pointer");
}

TEST(ModelConfigErrorsTest, A2EveryTruncation) {
  std::string text = configText("v3-tiny-fp8");
  for (size_t length = 0; length <= text.rfind('}'); ++length) {
    checkpoint::Diagnostics diagnostics;
    parseModelConfig(llvm::StringRef(text).take_front(length), "config.json", diagnostics);
    EXPECT_EQ(diagnostics.exitCode(), 3) << length;
  }
}

TEST(ModelConfigErrorsTest, A3NestingBomb) {
  expectBadConfig(adding(configText("v3-tiny"), "\"x\":" + std::string(100000, '[')), 3, "nest deeper than 64");
}

TEST(ModelConfigErrorsTest, A4HugeFilesAreNotRead) {
  test::TempDirectory directory;
  directory.write("config.json", "{}");
  std::filesystem::resize_file(directory.path("config.json"), 200'000'000);
  checkpoint::Diagnostics diagnostics;
  loadModelConfig(directory.path(), diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 6);
  EXPECT_NE(test::printed(diagnostics).find("has 200000000 bytes, more than the limit"), std::string::npos);
}

TEST(ModelConfigErrorsTest, A5DuplicateKey) {
  expectBadConfig(adding(configText("v3-tiny"), "\"hidden_size\":64"), 3, "duplicate key \"hidden_size\"");
}

TEST(ModelConfigErrorsTest, A6RequiredKeys) {
  for (const char *key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "q_lora_rank",
                          "n_routed_experts", "moe_intermediate_size", "first_k_dense_replace"}) {
    std::string text = without(configText("v3-tiny"), key);
    expectBadConfig(text, 3, std::string("\"") + key + "\" is missing, but deepseek_v3 needs it");
  }
  expectBadConfig(without(configText("v3-tiny"), "model_type"), 3,
                  "\"model_type\" is missing, but this model needs it");
  expectBadConfig(with(configText("v3-tiny"), "hidden_size", "null"), 3, "\"hidden_size\" is null");
  expectBadConfig(with(configText("v3-tiny"), "rms_norm_eps", "null"), 3, "\"rms_norm_eps\" is null, but deepseek_v3");
  expectBadConfig(without(configText("v2-tiny"), "n_group"), 3, "\"n_group\" is missing, but deepseek_v2 needs it");
}

TEST(ModelConfigErrorsTest, EndsThatCannotComeAreIgnored) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig config =
      parseModelConfig(with(configText("v3-tiny"), "eos_token_id", "[1, 512]"), "config.json", diagnostics);
  EXPECT_EQ(config.generation.eosTokens, (std::vector<int64_t>{1}));
  EXPECT_EQ(diagnostics.exitCode(), 0);
  EXPECT_NE(test::printed(diagnostics)
                .find("\"eos_token_id\" holds 512, but the model has tokens 0 to 511 only; ignored [token-id]"),
            std::string::npos);
}

/// Other programs may have other defaults: what is taken is said.
TEST(ModelConfigErrorsTest, WhatWeightsDoNotShowHasTheFamilysDefault) {
  struct Case {
    const char *model, *key, *taken;
  };
  static const Case cases[] = {
      {"v3-tiny", "max_position_embeddings", "4096"},
      {"v3-tiny", "rms_norm_eps", "1e-06"},
      {"v3-tiny", "norm_topk_prob", "true"},
      {"v3-tiny", "routed_scaling_factor", "2.5"},
      {"v3-tiny", "num_experts_per_tok", "8"},
      {"v3-tiny", "n_group", "8"},
      {"v3-tiny", "topk_group", "4"},
      {"v2-tiny", "norm_topk_prob", "false"},
      {"v2-tiny", "routed_scaling_factor", "1"},
      {"v2-tiny", "max_position_embeddings", "2048"},
      {"llama-tiny", "rms_norm_eps", "1e-06"},
      {"llama-tiny", "max_position_embeddings", "2048"},
      {"qwen2-tiny", "max_position_embeddings", "32768"},
  };
  for (const Case &c : cases) {
    checkpoint::Diagnostics diagnostics;
    parseModelConfig(without(configText(c.model), c.key), "config.json", diagnostics);
    EXPECT_EQ(diagnostics.exitCode(), 0) << c.model << " " << c.key << "\n" << test::printed(diagnostics);
    EXPECT_NE(test::printed(diagnostics)
                  .find(std::string("\"") + c.key + "\" is not given; using " + c.taken +
                        ", as Hugging Face's transformers does [default-config]"),
              std::string::npos)
        << c.model << " " << c.key << "\n"
        << test::printed(diagnostics);
  }
  ModelConfig config = goodConfig(without(without(configText("v3-tiny"), "norm_topk_prob"), "routed_scaling_factor"));
  EXPECT_TRUE(config.routing.normalize);
  EXPECT_EQ(config.routing.scale, 2.5);
}

const char *const integerKeys[] = {"vocab_size",
                                   "hidden_size",
                                   "intermediate_size",
                                   "num_hidden_layers",
                                   "max_position_embeddings",
                                   "kv_lora_rank",
                                   "qk_nope_head_dim",
                                   "qk_rope_head_dim",
                                   "v_head_dim",
                                   "num_attention_heads",
                                   "q_lora_rank",
                                   "n_routed_experts",
                                   "num_experts_per_tok",
                                   "moe_intermediate_size",
                                   "n_group",
                                   "topk_group",
                                   "moe_layer_freq",
                                   "first_k_dense_replace",
                                   "n_shared_experts",
                                   "num_nextn_predict_layers",
                                   "num_key_value_heads"};

TEST(ModelConfigErrorsTest, A7A8IntegersOfWrongTypeOrRange) {
  for (const char *key : integerKeys) {
    for (const char *value : {"\"128\"", "128.0", "1e2", "true", "[128]", "{}", "-1", "2147483648",
                              "9223372036854775808", "18446744073709551616", "1e400", "128.5"}) {
      std::string shown = value[0] == '[' ? "an array" : value[0] == '{' ? "an object" : value;
      expectBadConfig(with(configText("v3-tiny"), key, value), 3,
                      std::string("\"") + key + "\" is " + shown + ", expected an integer from ");
    }
    expectBadConfig(with(configText("v3-tiny"), key, "NaN"), 3, "JSON has no NaN");
  }
}

TEST(ModelConfigErrorsTest, A8Zero) {
  for (llvm::StringRef key : integerKeys) {
    bool zeroIsFine = key == "n_routed_experts" || key == "n_shared_experts" || key == "num_nextn_predict_layers" ||
                      key == "first_k_dense_replace";
    if (!zeroIsFine) {
      expectBadConfig(with(configText("v3-tiny"), key.str(), "0"), 3, ("\"" + key + "\" is 0, expected").str());
    }
  }
}

TEST(ModelConfigErrorsTest, A8RealsOfWrongTypeOrRange) {
  for (const char *key : {"rms_norm_eps", "routed_scaling_factor", "rope_theta", "factor", "mscale", "beta_fast"}) {
    for (const char *value : {"\"1\"", "-1", "1e400", "-1e400", "1e300", "[]"}) {
      checkpoint::Diagnostics diagnostics;
      parseModelConfig(with(configText("v3-tiny"), key, value), "config.json", diagnostics);
      EXPECT_EQ(diagnostics.exitCode(), 3) << key << " " << value;
      EXPECT_NE(test::printed(diagnostics).find("expected a number from"), std::string::npos);
    }
  }
}

TEST(ModelConfigErrorsTest, A7BooleansAndStrings) {
  std::string text = configText("v3-tiny");
  expectBadConfig(with(text, "norm_topk_prob", "1"), 3, "\"norm_topk_prob\" is 1, expected true or false");
  expectBadConfig(with(text, "tie_word_embeddings", "\"no\""), 3, "is \"no\", expected true or false");
  expectBadConfig(with(text, "model_type", "3"), 3, "\"model_type\" is 3, expected a string");
  expectBadConfig(with(text, "hidden_act", "null"), 3, "\"hidden_act\" is null, but deepseek_v3 needs it");
  expectBadConfig(with(configText("v3-tiny-fp8"), "fmt", "\"e4m3\", \"scale_fmt\": 7"), 3,
                  "\"quantization_config.scale_fmt\" is 7, expected a string");
  expectBadConfig(with(text, "topk_method", "[]"), 3, "\"topk_method\" is an array, expected a string");
  expectBadConfig(with(text, "rope_scaling", "4"), 3, "\"rope_scaling\" is 4, expected an object or null");
  expectBadConfig(with(text, "eos_token_id", "[1, -2]"), 3, "holds -2, expected a token id");
  expectBadConfig(with(text, "eos_token_id", "5000000000"), 3,
                  "\"eos_token_id\" holds 5000000000, expected a token id from 0 to 511");
  expectBadConfig(with(configText("v3-tiny-fp8"), "weight_block_size", "[128]"), 3, "expected two integers");
}

TEST(ModelConfigErrorsTest, A9Relations) {
  struct Case {
    const char *key, *value, *message;
  };
  static const Case cases[] = {
      {"qk_rope_head_dim", "15", "\"qk_rope_head_dim\" is 15, but rotary embedding needs an even number"},
      {"num_experts_per_tok", "17", "\"num_experts_per_tok\" (17) is more than \"n_routed_experts\" (16)"},
      {"n_group", "3", "\"n_group\" (3) does not divide \"n_routed_experts\" (16)"},
      {"topk_group", "5", "\"topk_group\" (5) is more than \"n_group\" (4)"},
      {"first_k_dense_replace", "4", "\"first_k_dense_replace\" (4) is more than \"num_hidden_layers\" (3)"},
      {"num_experts_per_tok", "9", "is more than the 8 experts in \"topk_group\" (2) groups"},
      {"n_group", "16", "= 1 experts cannot be ranked by their best two"},
      {"beta_fast", "0.5", "\"rope_scaling.beta_fast\" is smaller than \"beta_slow\""},
  };
  for (const Case &c : cases) {
    expectBadConfig(with(configText("v3-tiny"), c.key, c.value), 3, c.message);
  }
  expectBadConfig(adding(configText("v3-tiny"), "\"qk_head_dim\":50"), 3, "\"qk_head_dim\" (50) must be");
}

TEST(ModelConfigErrorsTest, A10UnsupportedIsNeverADefault) {
  struct Case {
    const char *model, *key, *value, *message;
  };
  static const Case cases[] = {
      {"v3-tiny", "model_type", "\"deepseek_v9\"",
       "is \"deepseek_v9\", expected one of deepseek, deepseek_v2, deepseek_v3, deepseek_v32, llama, qwen2, qwen3"},
      {"v3-tiny", "type", "\"longrope\"",
       "\"rope_scaling.type\" is \"longrope\", expected one of default, linear, dynamic, yarn, llama3"},
      {"v3-tiny", "scoring_func", "\"tanh\"", "\"scoring_func\" is \"tanh\", supported for deepseek_v3: sigmoid"},
      {"v3-tiny", "topk_method", "\"greedy\"", "is \"greedy\", supported for deepseek_v3: noaux_tc"},
      {"v2-tiny", "topk_method", "\"best\"", "supported for deepseek_v2: greedy, group_limited_greedy"},
      {"v3-tiny-fp8", "fmt", "\"e5m2\"",
       "\"quantization_config.fmt\" is \"e5m2\", but the only supported value is e4m3"},
      {"v3-tiny-fp8", "fmt", "\"e4m3\", \"scale_fmt\": \"e4m3\"",
       "\"quantization_config.scale_fmt\" is \"e4m3\", but the only supported values are float and ue8m0"},
      {"v3-tiny-fp8", "quant_method", "\"awq\"", "is \"awq\", but the only supported value is fp8"},
      {"v3-tiny-fp8", "weight_block_size", "[64, 128]", "is [64, 128], but the only supported value is [128, 128]"},
      {"v3-tiny-fp8", "weight_block_size", "null", "is null, which asks for one scale per weight"},
      {"v3-tiny", "hidden_act", "\"gelu\"", "is \"gelu\", but the only supported value is silu"},
      {"v3-tiny", "attention_bias", "true", "\"attention_bias\" is true, but the only supported value is false"},
      {"v2-tiny", "attention_bias", "true", "\"attention_bias\" is true, but the only supported value is false"},
      {"v3-tiny", "mscale_all_dim", "0", "must both be given, or neither"},
  };
  for (const Case &c : cases) {
    expectBadConfig(with(configText(c.model), c.key, c.value), 4, c.message);
  }
  expectBadConfig(adding(configText("v3-tiny"), R"("quantization_config": {"load_in_4bit": true})"), 4,
                  "\"quantization_config.quant_method\" is missing, but the only supported value is fp8");
}

/// What other models of the same model_type have.
TEST(ModelConfigErrorsTest, LatentAttentionIsDoneOneWay) {
  std::string text = configText("v3-tiny");
  goodConfig(adding(text, R"("use_mla": true, "mlp_bias": false, "index_topk": null)"));
  expectBadConfig(adding(text, "\"use_mla\": false"), 4, "\"use_mla\" is false, but the only supported value is true");
  expectBadConfig(adding(text, "\"mlp_bias\": true"), 4, "\"mlp_bias\" is true, but the only supported value is false");
  expectBadConfig(adding(text, "\"index_topk\": 2048"), 4,
                  "\"index_topk\" is 2048, which no part of deepseek_v3 implements; the only supported value is null");
}

TEST(ModelConfigErrorsTest, A12SizesThatOverflowTogether) {
  std::string text = configText("v3-tiny");
  for (const char *key : {"hidden_size", "moe_intermediate_size", "intermediate_size"}) {
    text = with(text, key, "1048576");
  }
  text = with(with(text, "num_hidden_layers", "4096"), "n_routed_experts", "65536");
  expectBadConfig(text, 3, "imply more than 2^63 bytes of weights");
}

TEST(ModelConfigErrorsTest, RowsAndWeightsThatAreTooLong) {
  std::string heads = with(configText("v3-tiny"), "num_attention_heads", "65536");
  heads = with(heads, "num_key_value_heads", "65536");
  expectBadConfig(with(heads, "qk_nope_head_dim", "65536"), 3, "imply rows of 4297064448 numbers");
  expectBadConfig(with(heads, "kv_lora_rank", "65536"), 3, "numbers, all heads together; the limit is 2^31");
  std::string experts = with(with(configText("v3-tiny"), "n_routed_experts", "65536"), "hidden_size", "1048576");
  expectBadConfig(experts, 3, "numbers; the limit is 2^40");
}

TEST(ModelConfigErrorsTest, PositionsThatNoRuntimeTakes) {
  expectBadConfig(with(configText("v3-tiny"), "max_position_embeddings", "16777217"), 3, "from 1 to 16777216");
}

TEST(ModelConfigErrorsTest, ContradictingSpellings) {
  std::string text = configText("v3-tiny");
  expectBadConfig(adding(text, R"("rope_parameters":{"rope_type":"default","rope_theta":10000})"), 3,
                  "\"rope_parameters.rope_type\" is \"default\", but \"rope_scaling.rope_type\" is \"yarn\"");
  expectBadConfig(with(text, "type", "\"yarn\", \"rope_type\": \"linear\""), 3,
                  "\"rope_scaling.rope_type\" is \"linear\", but \"type\" is \"yarn\"");
}

/// v3-tiny with rope_parameters of the same YaRN, `key` being `value`; a key is added or replaced.
std::string withRopeParameters(const std::string &key, const std::string &value) {
  std::map<std::string, std::string> members = {{"rope_type", "\"yarn\""}, {"factor", "40"},
                                                {"beta_fast", "32"},       {"beta_slow", "1"},
                                                {"mscale", "1.0"},         {"mscale_all_dim", "1.0"},
                                                {"rope_theta", "10000"},   {"original_max_position_embeddings", "64"}};
  members[key] = value;
  std::string text;
  for (const auto &[name, spelling] : members) {
    text += (text.empty() ? "\"" : ",\"") + name + "\":" + spelling;
  }
  return adding(configText("v3-tiny"), "\"rope_parameters\":{" + text + "}");
}

TEST(ModelConfigErrorsTest, EveryContradictionInRopeIsRefused) {
  test::goodConfig(withRopeParameters("truncate", "true"));
  struct Case {
    const char *key, *value, *message;
  };
  static const Case cases[] = {
      {"factor", "4", "is 4, but \"rope_scaling.factor\" is 40"},
      {"original_max_position_embeddings", "128",
       "is 128, but \"rope_scaling.original_max_position_embeddings\" is 64"},
      {"beta_fast", "16", "is 16, but \"rope_scaling.beta_fast\" is 32"},
      {"beta_slow", "2", "is 2, but \"rope_scaling.beta_slow\" is 1"},
      {"mscale", "0.5", "is 0.5, but \"rope_scaling.mscale\" is 1.0"},
      {"mscale_all_dim", "0.5", "is 0.5, but \"rope_scaling.mscale_all_dim\" is 1.0"},
      {"truncate", "false", "is false, but \"rope_scaling.truncate\" is absent"},
      {"attention_factor", "1.5", "is 1.5, but \"rope_scaling.attention_factor\" is absent"},
      {"rope_theta", "5", "is 5, but it is 10000 at 42:17"},
  };
  for (const Case &c : cases) {
    expectBadConfig(withRopeParameters(c.key, c.value), 3,
                    std::string("\"rope_parameters.") + c.key + "\" " + c.message);
  }
}

TEST(ModelConfigErrorsTest, A10RopeParametersWithoutTypeAreNotPlain) {
  std::string text = without(configText("v3-tiny"), "rope_scaling");
  expectBadConfig(adding(text, R"("rope_scaling":{"factor":40})"), 3,
                  "\"rope_scaling.rope_type\" is missing, but \"factor\" is given; expected one of default, linear");
  expectBadConfig(adding(text, R"("rope_parameters":{"full_attention":{"rope_type":"yarn","factor":40}})"), 4,
                  "\"rope_parameters.full_attention\" is an object: parameters for one kind of layer");
  expectBadConfig(adding(text, R"("rope_parameters":{"factor":40,"original_max_position_embeddings":64})"), 3,
                  "\"rope_parameters.rope_type\" is missing, but \"factor\" is given; expected one of default, linear");
}

TEST(ModelConfigErrorsTest, A10PartialRotaryFactorIsNotIgnored) {
  std::string text = without(configText("v3-tiny"), "rope_scaling");
  test::goodConfig(adding(text, R"("partial_rotary_factor":1.0,"rope_parameters":{"partial_rotary_factor":1})"));
  expectBadConfig(adding(text, R"("rope_parameters":{"partial_rotary_factor":0.5})"), 4,
                  "\"rope_parameters.partial_rotary_factor\" is not 1");
  expectBadConfig(adding(text, R"("partial_rotary_factor":0.5)"), 4, "\"partial_rotary_factor\" is not 1");
}

TEST(ModelConfigErrorsTest, ReportsEverythingAtOnce) {
  std::string text = with(with(configText("v3-tiny"), "hidden_size", "-1"), "scoring_func", "\"tanh\"");
  checkpoint::Diagnostics diagnostics;
  parseModelConfig(without(text, "vocab_size"), "config.json", diagnostics);
  EXPECT_EQ(diagnostics.errorCount(), 3u) << test::printed(diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 3);
}

TEST(ModelConfigErrorsTest, HostileStringsAreEscapedAndCut) {
  checkpoint::Diagnostics diagnostics;
  std::string name = "\\u001b[2J" + std::string(100000, 'x');
  parseModelConfig(with(configText("v3-tiny"), "model_type", "\"" + name + "\""), "config.json", diagnostics);
  std::string text = test::printed(diagnostics);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 600u);
}

TEST(ModelConfigErrorsTest, A15SpecialFiles) {
  auto codeOf = [](const std::string &path) {
    checkpoint::Diagnostics diagnostics;
    loadModelConfig(path, diagnostics);
    return diagnostics.exitCode();
  };
  test::TempDirectory directory;
  EXPECT_EQ(codeOf(directory.path()), 5);
  ASSERT_EQ(::mkfifo(directory.path("config.json").c_str(), 0600), 0);
  EXPECT_EQ(codeOf(directory.path()), 5);
  std::filesystem::remove(directory.path("config.json"));
  for (const char *target : {"nowhere", "/dev/zero", ".", "config.json"}) {
    std::filesystem::create_symlink(target, directory.path("config.json"));
    EXPECT_EQ(codeOf(directory.path()), 5) << target;
    std::filesystem::remove(directory.path("config.json"));
  }
}

TEST(ModelConfigErrorsTest, LinksMayLeadIntoTheCacheAndNowhereElse) {
  auto findingsOf = [](const std::string &path) {
    checkpoint::Diagnostics diagnostics;
    loadModelConfig(path, diagnostics);
    return std::to_string(diagnostics.exitCode()) + test::printed(diagnostics);
  };
  test::TempDirectory directory;
  directory.write("secret", configText("v3-tiny"));
  directory.write("entry/blobs/abc", configText("v3-tiny"));
  directory.write("entry/snapshots/rev/other", "");
  std::string config = directory.path("entry/snapshots/rev/config.json");
  std::filesystem::create_symlink("../../blobs/abc", config);
  EXPECT_EQ(findingsOf(directory.path("entry/snapshots/rev")), "0");
  std::filesystem::create_symlink("../../../secret", directory.path("entry/snapshots/rev/generation_config.json"));
  std::string outside = findingsOf(directory.path("entry/snapshots/rev"));
  EXPECT_NE(outside.find("generation_config.json: is a link out of the checkpoint directory"), std::string::npos);
  EXPECT_EQ(outside[0], '3');
  std::filesystem::remove(config);
  std::filesystem::create_symlink("../../../secret", config);
  outside = findingsOf(directory.path("entry/snapshots/rev"));
  EXPECT_NE(outside.find("/config.json: is a link out of the checkpoint directory"), std::string::npos);
  EXPECT_EQ(outside[0], '3');
}

TEST(ModelConfigErrorsTest, GenerationConfigIsCheckedToo) {
  auto codeOf = [](const std::string &text) {
    checkpoint::Diagnostics diagnostics;
    ModelConfig config = test::goodConfig(configText("v3-tiny"));
    parseGenerationConfig(text, "generation_config.json", config, diagnostics);
    return diagnostics.exitCode();
  };
  EXPECT_EQ(codeOf("{}"), 0);
  for (const char *text :
       {"", "[]", R"({"temperature":-1})", R"({"temperature":"hot"})", R"({"top_p":1.5})", R"({"eos_token_id":-2})",
        R"({"eos_token_id":"x"})", R"({"top_k":1.5})", R"({"do_sample":1})"}) {
    EXPECT_EQ(codeOf(text), 3) << text;
  }
}

TEST(ModelConfigErrorsTest, GenaiConfigIsCheckedToo) {
  for (auto [text, message] : {
           std::pair("", "the file is empty"),
           {R"({"model":[]})", R"("model" is an array, expected an object)"},
           {R"({"search":1})", R"("search" is 1, expected an object)"},
           {R"({"model":{"context_length":0}})", R"("model.context_length" is 0)"},
           {R"({"model":{"eos_token_id":"x"}})", R"("model.eos_token_id" holds "x")"},
           {R"({"search":{"top_p":1.5}})", R"("search.top_p" is 1.5)"},
       }) {
    checkpoint::Diagnostics diagnostics;
    ModelConfig config;
    parseGenaiConfig(text, "genai_config.json", config, diagnostics);
    EXPECT_EQ(diagnostics.exitCode(), 3) << text;
    EXPECT_NE(test::printed(diagnostics).find(message), std::string::npos) << test::printed(diagnostics);
  }
}

} // namespace
} // namespace fathom::huggingface

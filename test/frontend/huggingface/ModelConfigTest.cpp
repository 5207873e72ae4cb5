// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What good configurations mean: fields, spellings old and new, YaRN's numbers, routing rules.

#include "test/frontend/huggingface/ConfigText.h"

#include <cmath>

namespace fathom::huggingface {
namespace {

using checkpoint::DType;
using namespace test;

TEST(ModelConfigTest, ReadsTheReleasedV3) {
  ModelConfig c = goodConfig(test::readFile(test::modelPath("configs/deepseek-v3-671b.json")));
  EXPECT_EQ(c.modelType, "deepseek_v3");
  EXPECT_EQ(c.layers, 61);
  EXPECT_EQ(c.mtpLayers, 1);
  EXPECT_EQ(c.vocabulary, 129280);
  EXPECT_EQ(c.attention.heads, 128);
  EXPECT_EQ(c.mla.qLoraRank, 1536);
  EXPECT_EQ(c.routing.experts, 256);
  EXPECT_EQ(c.routing.groups, 8);
  EXPECT_EQ(c.routing.topGroups, 4);
  EXPECT_EQ(c.routing.scoreFunction, ScoreFunction::Sigmoid);
  EXPECT_EQ(c.routing.groupScore, GroupScore::Top2Sum);
  EXPECT_TRUE(c.routing.correctionBias);
  EXPECT_TRUE(c.routing.normalize);
  EXPECT_EQ(c.routing.scale, 2.5);
  EXPECT_TRUE(c.quantization);
  EXPECT_FALSE(c.quantization->powerOfTwoScales);
  EXPECT_EQ(c.dtype, DType::BF16);
  EXPECT_FALSE(c.isMoeLayer(2));
  EXPECT_TRUE(c.isMoeLayer(3));
  EXPECT_TRUE(c.isMoeLayer(61));
  EXPECT_EQ(c.generation.bosToken, 0);
  EXPECT_EQ(c.generation.eosTokens, std::vector<int64_t>{1});
}

TEST(ModelConfigTest, ReadsTheReleasedV2Lite) {
  ModelConfig c = goodConfig(test::readFile(test::modelPath("configs/deepseek-v2-lite.json")));
  EXPECT_EQ(c.mla.qLoraRank, 0);
  EXPECT_EQ(c.routing.scoreFunction, ScoreFunction::Softmax);
  EXPECT_EQ(c.routing.groupScore, GroupScore::None);
  EXPECT_FALSE(c.routing.normalize);
  EXPECT_EQ(c.routing.sharedExperts, 2);
  EXPECT_EQ(c.mtpLayers, 0);
  EXPECT_FALSE(c.quantization);
}

TEST(ModelConfigTest, SoftmaxScalesOfTheReleasedModels) {
  EXPECT_NEAR(goodConfig(test::readFile(test::modelPath("configs/deepseek-v3-671b.json"))).softmaxScale(), 0.1352338,
              5e-8);
  EXPECT_NEAR(goodConfig(test::readFile(test::modelPath("configs/deepseek-v2-lite.json"))).softmaxScale(), 0.1147214,
              5e-8);
  // Without YaRN: (32 + 16)^-1/2.
  EXPECT_DOUBLE_EQ(goodConfig(configText("demo")).softmaxScale(), 1 / std::sqrt(48.0));
}

TEST(ModelConfigTest, YarnFrequenciesOfTheReleasedModels) {
  ModelConfig c = goodConfig(test::readFile(test::modelPath("configs/deepseek-v3-671b.json")));
  std::vector<double> f = c.ropeFrequencies();
  ASSERT_EQ(f.size(), 32u);
  auto plain = [](int i) { return std::pow(10000.0, -2.0 * i / 64); };
  // The ramp runs from pair 10 to pair 23.
  for (int i = 0; i <= 10; ++i) {
    EXPECT_DOUBLE_EQ(f[i], plain(i)) << i;
  }
  EXPECT_NEAR(f[11], plain(11) * (12.0 / 13 + 1.0 / 13 / 40), 1e-12);
  for (int i = 23; i < 32; ++i) {
    EXPECT_NEAR(f[i], plain(i) / 40, 1e-15) << i;
  }
  EXPECT_EQ(c.ropeMagnitude(), 1);
}

TEST(ModelConfigTest, PlainFrequenciesWithoutYarn) {
  ModelConfig c = goodConfig(configText("demo"));
  std::vector<double> f = c.ropeFrequencies();
  ASSERT_EQ(f.size(), 8u);
  EXPECT_DOUBLE_EQ(f[0], 1);
  EXPECT_DOUBLE_EQ(f[4], 0.01);
}

TEST(ModelConfigTest, YarnWithoutMscaleMultipliesCosAndSin) {
  std::string text = without(without(configText("v3-tiny"), "mscale"), "mscale_all_dim");
  ModelConfig c = goodConfig(text);
  EXPECT_NEAR(c.ropeMagnitude(), 0.1 * std::log(40.0) + 1, 1e-15);
  EXPECT_DOUBLE_EQ(c.softmaxScale(), 1 / std::sqrt(48.0));
  EXPECT_DOUBLE_EQ(
      goodConfig(test::replaceLine(text, "beta_slow", "\"beta_slow\": 1, \"attention_factor\": 1.5")).ropeMagnitude(),
      1.5);
}

/// v3-tiny as newer Hugging Face versions write it.
std::string newSpelling() {
  std::string text = without(without(without(configText("v3-tiny"), "rope_scaling"), "rope_theta"), "torch_dtype");
  return adding(text, R"("dtype":"bfloat16","rope_parameters":{"rope_type":"yarn","rope_theta":10000.0,"factor":40.0,
    "beta_fast":32.0,"beta_slow":1.0,"mscale":1.0,"mscale_all_dim":1.0,"original_max_position_embeddings":64},
    "head_dim":16,"qk_head_dim":48,"rope_interleave":true)");
}

TEST(ModelConfigTest, BothSpellingsMeanTheSame) {
  ModelConfig older = goodConfig(configText("v3-tiny")), newer = goodConfig(newSpelling());
  EXPECT_EQ(newer.dtype, older.dtype);
  EXPECT_EQ(newer.rope.scaling, RopeScaling::Yarn);
  EXPECT_EQ(newer.rope.theta, older.rope.theta);
  EXPECT_EQ(newer.ropeFrequencies(), older.ropeFrequencies());
  EXPECT_EQ(newer.softmaxScale(), older.softmaxScale());
}

TEST(ModelConfigTest, NewerFilesMayLeaveRoutingNamesOut) {
  std::string text = newSpelling();
  for (const char *key : {"scoring_func", "topk_method", "moe_layer_freq", "num_nextn_predict_layers", "ep_size"}) {
    text = without(text, key);
  }
  ModelConfig c = goodConfig(text);
  EXPECT_EQ(c.routing.scoreFunction, ScoreFunction::Sigmoid);
  EXPECT_EQ(c.routing.groupScore, GroupScore::Top2Sum);
  EXPECT_EQ(c.mtpLayers, 0);
}

TEST(ModelConfigTest, DefaultRopeTypeIsPlain) {
  std::string text = without(without(configText("v3-tiny"), "rope_scaling"), "rope_theta");
  for (const char *parameters : {R"({"rope_theta":500})", R"({"rope_theta":500,"rope_type":"default"})"}) {
    ModelConfig c = goodConfig(adding(text, std::string("\"rope_parameters\":") + parameters));
    EXPECT_EQ(c.rope.scaling, RopeScaling::None);
    EXPECT_EQ(c.rope.theta, 500);
  }
}

TEST(ModelConfigTest, V2NormalizesInsteadOfScaling) {
  std::string text = with(configText("v2-tiny"), "norm_topk_prob", "true");
  ModelConfig c = goodConfig(text);
  EXPECT_TRUE(c.routing.normalize);
  EXPECT_EQ(c.routing.scale, 1);
  ModelConfig one = goodConfig(with(text, "num_experts_per_tok", "1"));
  EXPECT_FALSE(one.routing.normalize);
  EXPECT_EQ(one.routing.scale, 4);
  EXPECT_EQ(goodConfig(configText("v2-tiny")).routing.scale, 4);
}

TEST(ModelConfigTest, OddButValidShapes) {
  // One group; no dense layer; all dense; no experts at all; no shared expert; tied; every other layer MoE.
  std::string v3 = configText("v3-tiny");
  EXPECT_EQ(goodConfig(with(with(v3, "n_group", "1"), "topk_group", "1")).routing.groups, 1);
  EXPECT_TRUE(goodConfig(with(v3, "first_k_dense_replace", "0")).isMoeLayer(0));
  EXPECT_FALSE(goodConfig(with(v3, "first_k_dense_replace", "3")).isMoeLayer(2));
  ModelConfig none = goodConfig(with(v3, "n_routed_experts", "null"));
  EXPECT_EQ(none.routing.experts, 0);
  EXPECT_FALSE(none.isMoeLayer(2));
  EXPECT_EQ(goodConfig(with(v3, "n_shared_experts", "0")).routing.sharedExperts, 0);
  EXPECT_EQ(goodConfig(with(v3, "n_shared_experts", "null")).routing.sharedExperts, 0);
  EXPECT_TRUE(goodConfig(with(v3, "tie_word_embeddings", "true")).tiedEmbeddings);
  ModelConfig other = goodConfig(with(v3, "moe_layer_freq", "2"));
  EXPECT_FALSE(other.isMoeLayer(1));
  EXPECT_TRUE(other.isMoeLayer(2));
  EXPECT_EQ(goodConfig(with(v3, "eos_token_id", "[1, 7]")).generation.eosTokens, (std::vector<int64_t>{1, 7}));
}

TEST(ModelConfigTest, PowerOfTwoScalesAreAFact) {
  std::string text = with(configText("v3-tiny-fp8"), "fmt", "\"e4m3\", \"scale_fmt\": \"ue8m0\"");
  EXPECT_TRUE(goodConfig(text).quantization->powerOfTwoScales);
}

TEST(ModelConfigTest, RemoteCodeIsIgnoredWithANote) {
  checkpoint::Diagnostics diagnostics;
  parseModelConfig(adding(configText("v3-tiny"), "\"auto_map\":{\"AutoModel\":\"evil.py\"}"), "config.json",
                   diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0);
  EXPECT_NE(test::printed(diagnostics).find("\"auto_map\" is ignored: no code of a checkpoint is ever run"),
            std::string::npos);
}

TEST(ModelConfigTest, LoadsGenerationDefaults) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig c = loadModelConfig(test::modelPath("demo"), diagnostics);
  EXPECT_EQ(test::printed(diagnostics), "");
  EXPECT_TRUE(c.generation.sample);
  EXPECT_EQ(c.generation.temperature, 0.8);
  EXPECT_EQ(c.generation.topP, 0.95);
  EXPECT_FALSE(c.generation.topK);
}

TEST(ModelConfigTest, GenerationConfigOverridesTokens) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig c = goodConfig(configText("v3-tiny"));
  parseGenerationConfig(R"({"eos_token_id":[3,4],"bos_token_id":2,"top_k":5})", "g.json", c, diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0);
  EXPECT_EQ(c.generation.eosTokens, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(c.generation.bosToken, 2);
  EXPECT_EQ(c.generation.topK, 5);
}

/// What a generation_config.json says, which must be good, and what is said about it.
std::pair<GenerationConfig, std::string> generationOf(const std::string &text) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig c = goodConfig(configText("v3-tiny"));
  parseGenerationConfig(text, "g.json", c, diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0) << test::printed(diagnostics);
  return {c.generation, test::printed(diagnostics)};
}

constexpr const char *kGenaiConfig = R"({
  "model": {"bos_token_id": 2, "context_length": 64, "decoder": {"head_size": 16}, "eos_token_id": [3, 4], "vocab_size": 320},
  "search": {"do_sample": true, "max_length": 64, "min_length": 0, "num_beams": 1, "past_present_share_buffer": true,
             "repetition_penalty": 1.1, "temperature": 0.6, "top_k": 50, "top_p": 0.9}})";

TEST(ModelConfigTest, GenaiConfigSaysWhatGenerationConfigWould) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig c;
  parseGenaiConfig(kGenaiConfig, "genai_config.json", c, diagnostics);
  EXPECT_EQ(test::printed(diagnostics), "");
  EXPECT_EQ(c.maxPositions, 64);
  EXPECT_EQ(c.generation.bosToken, 2);
  EXPECT_EQ(c.generation.eosTokens, (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(c.generation.sample);
  EXPECT_EQ(c.generation.temperature, 0.6);
  EXPECT_EQ(c.generation.topP, 0.9);
  EXPECT_EQ(c.generation.topK, 50);
  EXPECT_EQ(c.generation.repetitionPenalty, 1.1);
}

TEST(ModelConfigTest, BesideAGraphGenerationConfigTakesPrecedence) {
  auto load = [](const test::TempDirectory &directory) {
    checkpoint::Diagnostics diagnostics;
    GraphConfig config = loadGraphConfig(directory.path(), diagnostics);
    EXPECT_EQ(test::printed(diagnostics), "");
    return config;
  };
  test::TempDirectory directory;
  EXPECT_FALSE(load(directory).maxPositions);
  directory.write("genai_config.json", kGenaiConfig);
  EXPECT_EQ(load(directory).maxPositions, 64);
  EXPECT_EQ(load(directory).generation.bosToken, 2);
  directory.write("generation_config.json", R"({"bos_token_id":7})");
  EXPECT_EQ(load(directory).maxPositions, 64);
  EXPECT_EQ(load(directory).generation.bosToken, 7);
  EXPECT_TRUE(load(directory).generation.eosTokens.empty());
}

TEST(ModelConfigTest, WhatIsSaidOfSamplingIsKeptAndTheRestIsAbsent) {
  auto [generation, said] = generationOf(R"({"do_sample":true,"top_p":0.0,"min_p":1,"repetition_penalty":1.1})");
  EXPECT_EQ(generation.topP, 0.0);
  EXPECT_EQ(generation.minP, 1.0);
  EXPECT_EQ(generation.repetitionPenalty, 1.1);
  EXPECT_FALSE(generation.temperature || generation.topK);
  EXPECT_EQ(said, "");
}

TEST(ModelConfigTest, SettingsThatNobodyDoesAreNamed) {
  for (const char *setting :
       {R"("typical_p":0.9)", R"("no_repeat_ngram_size":3)", R"("suppress_tokens":[1,2])", R"("bad_words_ids":[[1]])",
        R"("eta_cutoff":0.0003)", R"("num_beams":4)", R"("stop_strings":["x"])", R"("min_new_tokens":5)",
        R"("watermarking_config":{"bias":2.0})", R"("max_length":2559)", R"("num_return_sequences":2)",
        R"("presence_penalty":1.5)", R"("guidance_scale":2)"}) {
    std::string said = generationOf(std::string("{") + setting + "}").second;
    std::string key = std::string(setting).substr(0, std::string(setting).find(':'));
    EXPECT_NE(said.find(key + " is "), std::string::npos) << said;
    EXPECT_NE(said.find("which Fathom does not implement; answers are generated without it"), std::string::npos)
        << said;
  }
  std::string inert = R"({"typical_p":1.0,"no_repeat_ngram_size":0,"suppress_tokens":[],"bad_words_ids":null,
                          "num_beams":1,"eta_cutoff":0.0,"use_cache":true,"max_length":4096,"pad_token_id":-1,
                          "transformers_version":"5.0","guidance_scale":1.0,"forced_eos_token_id":null})";
  EXPECT_EQ(generationOf(inert).second, "");
}

TEST(ModelConfigTest, ATemperatureWithoutSamplingIsNamed) {
  EXPECT_NE(generationOf(R"({"temperature":0.6})").second.find("\"do_sample\" is missing"), std::string::npos);
  EXPECT_EQ(generationOf(R"({"temperature":0.6,"do_sample":false})").second, "");
  EXPECT_EQ(generationOf(R"({"temperature":1.0})").second, "");
}

TEST(ModelConfigTest, DescriptionsDecideNothing) {
  std::string v3 = configText("v3-tiny"), fp8 = configText("v3-tiny-fp8");
  for (const char *type : {"\"float32\"", "\"float16\"", "\"int4\"", "16", "null"}) {
    goodConfig(with(v3, "torch_dtype", type));
    goodConfig(adding(v3, std::string("\"dtype\":") + type));
  }
  goodConfig(adding(v3, "\"pad_token_id\":-1"));
  goodConfig(adding(v3, "\"pad_token_id\":128815"));
  EXPECT_FALSE(goodConfig(with(fp8, "fmt", "\"e4m3\", \"scale_fmt\": \"float\"")).quantization->powerOfTwoScales);
  EXPECT_FALSE(goodConfig(with(v3, "bos_token_id", "-1")).generation.bosToken);
  EXPECT_EQ(goodConfig(with(v3, "eos_token_id", "[-1, 7]")).generation.eosTokens, std::vector<int64_t>{7});
}

TEST(ModelConfigTest, RopeScalingThatSaysNothingIsNone) {
  std::string v3 = configText("v3-tiny");
  for (const char *none : {"{}", R"({"type": null})", R"({"rope_type": "default"})", R"({"rope_theta": 10000})"}) {
    EXPECT_EQ(goodConfig(with(v3, "rope_scaling", none)).rope.scaling, RopeScaling::None) << none;
  }
  std::string yarn = R"({"rope_type":"yarn","factor":4,"original_max_position_embeddings":64,"rope_theta":10000})";
  ModelConfig newer = goodConfig(adding(with(v3, "rope_scaling", "{}"), "\"rope_parameters\":" + yarn));
  EXPECT_EQ(newer.rope.scaling, RopeScaling::Yarn);
}

TEST(ModelConfigTest, BlocksOfScalesAreThoseOfTransformersWhereTheyAreNotSaid) {
  EXPECT_EQ(goodConfig(without(configText("v3-tiny-fp8"), "weight_block_size")).quantization->blockRows, 128);
}

TEST(ModelConfigTest, GreedyRoutingHasNoGroups) {
  std::string v2 = with(configText("v2-tiny"), "topk_method", "\"greedy\"");
  ModelConfig c = goodConfig(with(with(v2, "n_group", "5"), "topk_group", "7"));
  EXPECT_EQ(c.routing.groups, 1);
  EXPECT_EQ(c.routing.topGroups, 1);
}

} // namespace
} // namespace fathom::huggingface

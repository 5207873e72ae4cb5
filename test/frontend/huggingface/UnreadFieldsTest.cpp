// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields of config.json that no part reads: what decides is refused by name, what describes is nothing, and the rest is
// warned of. What several fields or files say alike is compared.

#include "test/frontend/huggingface/ConfigText.h"

namespace fathom::huggingface {
namespace {

using test::adding;
using test::configText;
using test::expectBadConfig;
using test::goodConfig;
using test::with;
using test::without;

/// What is said about a configuration, which must be good.
std::string saidOf(const std::string &text) {
  checkpoint::Diagnostics diagnostics;
  parseModelConfig(text, "config.json", diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0) << test::printed(diagnostics);
  return test::printed(diagnostics);
}

std::string saidWith(const std::string &member) { return saidOf(adding(configText("v3-tiny"), member)); }

TEST(UnreadFieldsTest, ReleasedConfigurationsSayNothingUnread) {
  size_t count = 0;
  for (const auto &model : std::filesystem::directory_iterator(test::modelPath(""))) {
    if (std::filesystem::exists(model.path() / "config.json")) {
      EXPECT_EQ(saidOf(configText(model.path().filename())), "") << model.path();
      ++count;
    }
  }
  EXPECT_GT(count, 0u);
  for (const auto &file : std::filesystem::directory_iterator(test::modelPath("configs"))) {
    std::string said = saidOf(test::readFile(file.path()));
    EXPECT_EQ(said.find("no part of"), std::string::npos) << said << file.path();
    EXPECT_EQ(said.find("two-"), std::string::npos) << said << file.path();
  }
}

TEST(UnreadFieldsTest, WhatDecidesElsewhereIsRefusedByName) {
  for (const char *member :
       {R"("sliding_window":128)", R"("final_logit_softcapping":30.0)", R"("attn_logit_softcapping":50.0)",
        R"("clip_qkv":8.0)", R"("compress_ratios":[1,4])", R"("hc_mult":4)", R"("swiglu_limit":10.0)",
        R"("num_hash_layers":3)", R"("indexer_types":["full"])", R"("index_topk_pattern":"FS")", R"("o_groups":8)",
        R"("index_head_dim":128)", R"("expert_dtype":"fp4")", R"("pruned_heads":{"0":[1]})",
        R"("quantization":{"bits":4})"}) {
    std::string key = std::string(member).substr(0, std::string(member).find(':'));
    expectBadConfig(adding(configText("v3-tiny"), member), 4, key + " is ");
    expectBadConfig(adding(configText("v3-tiny"), member), 4,
                    "which no part of deepseek_v3 implements; the only supported value is null");
  }
  for (const char *key :
       {"attn_output_gate", "rope_interleaved", "rope_interleave", "rope_traditional", "use_bidirectional_attention",
        "use_mla", "use_cla", "use_logn_attn", "sandwich_norm", "zero_centered_gamma", "norm_head"}) {
    expectBadConfig(adding(configText("llama-tiny"), "\"" + std::string(key) + "\":true"), 4,
                    std::string(key) +
                        "\" is true, which no part of llama implements; the only supported value is false");
  }
  expectBadConfig(adding(configText("qwen2-tiny"), R"("is_causal":false)"), 4, "\"is_causal\" is false");
  expectBadConfig(
      adding(configText("llama-tiny"), R"("logit_scale":0.5)"), 4,
      "\"logit_scale\" is 0.5, which no part of llama implements; the only supported value is 1 [unsupported-config]");
  expectBadConfig(adding(configText("v3-tiny"), R"("layer_types":["sliding_attention"])"), 4,
                  "\"layer_types\" holds \"sliding_attention\"");
}

TEST(UnreadFieldsTest, ValuesThatChangeNothingAreNothing) {
  for (const char *member :
       {R"("sliding_window":null)", R"("mlp_bias":false)", R"("logit_scale":1.0)", R"("compress_ratios":[])",
        R"("pruned_heads":{})", R"("mlp_only_layers":[])", R"("decoder_sparse_step":1)", R"("anything":null)",
        R"("whatever":{})", R"("is_causal":true)", R"("attn_output_gate":false)",
        R"("layer_types":["full_attention","full_attention","full_attention"])", R"("layer_types":[])",
        R"("quantization_config":{})"}) {
    EXPECT_EQ(saidWith(member), "") << member;
  }
}

TEST(UnreadFieldsTest, DescriptionsAreNothing) {
  for (const char *member :
       {R"("transformers_version":"5.0.0")", R"("output_attentions":true)", R"("hidden_dropout":0.1)",
        R"("id2label":{"0":"a"})", R"("_name_or_path":"somebody/model")", R"("pretraining_tp":8)",
        R"("output_scores":true)"}) {
    EXPECT_EQ(saidWith(member), "") << member;
  }
}

TEST(UnreadFieldsTest, OtherFieldsAreNamed) {
  EXPECT_EQ(saidWith(R"("norm_type":"layernorm")"),
            "fathom: warning: config.json: 1:15: \"norm_type\" is \"layernorm\", which no part of deepseek_v3 reads; "
            "answers are computed without it [unread-config]\n");
}

TEST(UnreadFieldsTest, ArchitectureIsComparedWithModelType) {
  std::string text = with(configText("v3-tiny"), "architectures", R"(["DeepseekV32ForCausalLM"])");
  EXPECT_NE(saidOf(text).find("\"architectures\" says \"DeepseekV32ForCausalLM\", but \"model_type\" says "
                              "\"deepseek_v3\", which takes precedence [two-architectures]"),
            std::string::npos);
}

TEST(UnreadFieldsTest, NewerSpellingsOfExpertsMustAgree) {
  std::string v3 = configText("v3-tiny");
  EXPECT_EQ(saidOf(adding(v3, R"("num_local_experts":16,"mlp_layer_types":["dense","sparse","sparse"])")), "");
  expectBadConfig(adding(v3, R"("num_local_experts":8)"), 3,
                  "\"num_local_experts\" (8) must equal \"n_routed_experts\" (16)");
  expectBadConfig(adding(v3, R"("mlp_layer_types":["dense","dense","sparse"])"), 4,
                  "\"mlp_layer_types\" says \"dense\" for layer 1, but the other fields say sparse");
}

TEST(UnreadFieldsTest, KindsOfLayersSayWhichAreDense) {
  std::string v3 = without(configText("v3-tiny"), "first_k_dense_replace");
  auto firstMoeLayer = [&](const char *types) {
    return goodConfig(adding(v3, "\"mlp_layer_types\":" + std::string(types))).routing.firstMoeLayer;
  };
  EXPECT_EQ(firstMoeLayer(R"(["dense","dense","sparse"])"), 2);
  EXPECT_EQ(firstMoeLayer(R"(["sparse","sparse","sparse"])"), 0);
  EXPECT_EQ(firstMoeLayer(R"(["dense","dense","dense"])"), 3);
  EXPECT_EQ(firstMoeLayer(R"(["dense","dense","dense","sparse"])"), 3);
  expectBadConfig(adding(v3, R"("mlp_layer_types":["dense","sparse","dense"])"), 4,
                  "\"mlp_layer_types\" says \"dense\" for layer 2, but after the first sparse layer the only kind is "
                  "sparse");
  expectBadConfig(adding(v3, R"("mlp_layer_types":[])"), 3, "\"first_k_dense_replace\" is missing");
}

TEST(UnreadFieldsTest, ListsOfLayersMayCountThoseOfDrafts) {
  std::string list = R"("layer_types":["full_attention","full_attention","full_attention","full_attention"])";
  EXPECT_EQ(saidWith(list), "");
  expectBadConfig(adding(without(configText("v3-tiny"), "num_nextn_predict_layers"), list), 3,
                  "\"layer_types\" has length 4, expected one entry for each of 3 layers");
}

TEST(UnreadFieldsTest, ListsOfLayersHaveAnEntryForEach) {
  std::string v3 = configText("v3-tiny");
  expectBadConfig(adding(v3, R"("layer_types":["full_attention"])"), 3,
                  "\"layer_types\" has length 1, expected one entry for each of 3 layers");
  expectBadConfig(adding(v3, R"("mlp_layer_types":["dense","sparse","sparse","sparse","sparse"])"), 3,
                  "\"mlp_layer_types\" has length 5, expected one entry for each of 3 layers");
  expectBadConfig(adding(v3, R"("layer_types":"full_attention")"), 3,
                  "\"layer_types\" is \"full_attention\", expected an array");
}

TEST(UnreadFieldsTest, NamesOfOneThingAreOne) {
  EXPECT_EQ(saidOf(with(configText("v3-tiny"), "hidden_act", "\"swish\"")), "");
  EXPECT_EQ(saidOf(with(configText("v3-tiny-fp8"), "fmt", "\"float8_e4m3fn\"")), "");
}

TEST(UnreadFieldsTest, SamplingMayStandInTheConfiguration) {
  std::string text = adding(configText("v3-tiny"), R"("do_sample":true,"temperature":0.7,"top_p":0.5,"min_length":0)");
  EXPECT_EQ(saidOf(text), "");
  ModelConfig config = test::goodConfig(text);
  EXPECT_TRUE(config.generation.sample);
  EXPECT_EQ(config.generation.temperature, 0.7);
  EXPECT_EQ(config.generation.topP, 0.5);
  EXPECT_NE(saidWith(R"("no_repeat_ngram_size":3)").find("which Fathom does not implement"), std::string::npos);
}

/// What is said of a generation_config.json beside a configuration.
std::string saidOfBoth(const std::string &config, const std::string &generation) {
  checkpoint::Diagnostics diagnostics;
  ModelConfig read = test::goodConfig(config);
  parseGenerationConfig(generation, "g.json", read, diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), 0) << test::printed(diagnostics);
  return test::printed(diagnostics);
}

TEST(UnreadFieldsTest, BothFilesAreCompared) {
  // bos_token_id 0, eos_token_id 1.
  std::string v3 = configText("v3-tiny"), hot = adding(v3, R"("do_sample":true,"temperature":0.7)");
  EXPECT_EQ(saidOfBoth(v3, R"({"bos_token_id":0,"eos_token_id":[1,7]})"), "");
  EXPECT_EQ(saidOfBoth(hot, R"({"temperature":0.7,"top_p":0.5})"), "");
  EXPECT_NE(saidOfBoth(v3, R"({"eos_token_id":[3,7]})")
                .find("\"eos_token_id\" is [3, 7], but config.json says 1; generation_config.json takes precedence "
                      "[two-configs]"),
            std::string::npos);
  EXPECT_NE(saidOfBoth(v3, R"({"bos_token_id":2})").find("\"bos_token_id\" is 2, but config.json says 0"),
            std::string::npos);
  EXPECT_NE(saidOfBoth(hot, R"({"temperature":0.6})").find("\"temperature\" is 0.6, but config.json says 0.7"),
            std::string::npos);
}

TEST(UnreadFieldsTest, OtherSettingsOfGenerationAreNamed) {
  std::string v3 = configText("v3-tiny");
  EXPECT_EQ(saidOfBoth(v3, R"({"transformers_version":"5.0","max_length":20,"cache_implementation":"static"})"), "");
  EXPECT_NE(saidOfBoth(v3, R"({"top_n_sigma":1.0})")
                .find("\"top_n_sigma\" is 1.0, which nothing in Fathom reads; answers are computed without it"),
            std::string::npos);
}

} // namespace
} // namespace fathom::huggingface

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The indexer of DeepSeek-V3.2: its fields, tensors and store, spellings of newer files, and what is refused.

#include "test/frontend/huggingface/SmallModel.h"

#include <gmock/gmock.h>

namespace fathom::huggingface {
namespace {

using namespace test;
using checkpoint::DType;
using testing::HasSubstr;

constexpr const char *kIndexer = "model.layers.1.self_attn.indexer.";

TEST(IndexerTest, ReadsTheReleasedV32) {
  ModelConfig c = goodConfig(readFile(modelPath("configs/deepseek-v3.2-671b.json")));
  EXPECT_EQ(c.modelType, "deepseek_v32");
  EXPECT_EQ(c.indexer.heads, 64);
  EXPECT_EQ(c.indexer.headDim, 128);
  EXPECT_EQ(c.indexer.topK, 2048);
  EXPECT_FALSE(c.indexer.interleaved);
  EXPECT_TRUE(c.rope.interleaved);
  EXPECT_TRUE(c.quantization->powerOfTwoScales);
  EXPECT_EQ(c.mtpLayers, 1);
}

TEST(IndexerTest, ALayerStoresAnIndexKeyBesideTheLatent) {
  llvm::SmallVector<Store> stores = storesOf(goodConfig(configText("v32-tiny")));
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[0].name, "latent");
  EXPECT_EQ(stores[1].name, "index");
  EXPECT_EQ(stores[1].heads, 1);
  EXPECT_EQ(stores[1].width, 32);
}

TEST(IndexerTest, DefaultsAreThoseOfHuggingFace) {
  std::string text = configText("v32-tiny");
  for (const char *key : {"index_n_heads", "index_head_dim", "index_topk"}) {
    text = without(text, key);
  }
  checkpoint::Diagnostics diagnostics;
  ModelConfig c = parseModelConfig(text, "config.json", diagnostics);
  EXPECT_EQ(c.indexer.heads, 64);
  EXPECT_EQ(c.indexer.headDim, 128);
  EXPECT_EQ(c.indexer.topK, 2048);
  EXPECT_THAT(printed(diagnostics), HasSubstr("\"index_topk\" is not given; using 2048"));
}

TEST(IndexerTest, ReadsWhatTransformersWrites) {
  std::string text = without(without(without(configText("v32-tiny"), "rope_scaling"), "rope_theta"), "torch_dtype");
  for (const char *key : {"scoring_func", "topk_method", "moe_layer_freq", "num_nextn_predict_layers", "ep_size"}) {
    text = without(text, key);
  }
  std::string sparse = "\"deepseek_sparse_attention\"";
  text = adding(text, R"("dtype":"bfloat16","rope_parameters":{"rope_type":"yarn","rope_theta":10000.0,"factor":40.0,
    "beta_fast":32.0,"beta_slow":1.0,"mscale":1.0,"mscale_all_dim":1.0,"original_max_position_embeddings":64},
    "head_dim":16,"qk_head_dim":48,"mlp_bias":false,"mlp_layer_types":["dense","sparse","sparse"],"layer_types":[)" +
                          sparse + "," + sparse + "," + sparse + "]");
  checkpoint::Diagnostics diagnostics;
  ModelConfig c = parseModelConfig(text, "config.json", diagnostics);
  EXPECT_EQ(printed(diagnostics), "");
  EXPECT_EQ(c.indexer.topK, 16);
  EXPECT_EQ(c.ropeFrequencies(), goodConfig(configText("v32-tiny")).ropeFrequencies());
  expectBadConfig(adding(configText("v32-tiny"), R"("layer_types":["full_attention"])"), 4,
                  "holds \"full_attention\", but the only supported value is \"deepseek_sparse_attention\"");
}

/// Later families say so where the pairs of the index are those of latent attention.
TEST(IndexerTest, PairsOfTheIndexMayBeNeighbors) {
  std::string text = configText("v32-tiny");
  EXPECT_TRUE(goodConfig(adding(text, "\"indexer_rope_interleave\": true")).indexer.interleaved);
  EXPECT_FALSE(goodConfig(adding(text, "\"indexer_rope_interleave\": false")).indexer.interleaved);
}

TEST(IndexerTest, CannotBeSwitchedOff) {
  std::string text = configText("v32-tiny");
  goodConfig(adding(text, R"("use_sparse_attention":true)"));
  std::string off = adding(text, R"("use_sparse_attention":false)");
  expectBadConfig(off, 4, "\"use_sparse_attention\" is false, but the only supported value is true");
  expectBadConfig(off, 4, "for attention to all tokens, say \"index_topk\": ");
  goodConfig(adding(configText("v3-tiny"), R"("use_sparse_attention":false)"));
}

TEST(IndexerTest, ChoosesMoreThanAnyContext) {
  EXPECT_EQ(goodConfig(with(configText("v32-tiny"), "index_topk", "16777216")).indexer.topK, 1 << 24);
  expectBadConfig(with(configText("v32-tiny"), "index_topk", "16777217"), 3, "\"index_topk\" is 16777217");
  expectBadConfig(with(configText("v32-tiny"), "index_topk", "0"), 3, "\"index_topk\" is 0");
  std::string large = with(configText("v32-tiny"), "max_position_embeddings", "16777216");
  EXPECT_EQ(goodConfig(with(large, "index_topk", "1048576")).indexer.topK, 1 << 20);
  expectBadConfig(with(large, "index_topk", "1048577"), 4, "is 1048577 of 16777216 positions; at most 1048576");
}

TEST(IndexerTest, SizesThatDoNotGoTogether) {
  std::string text = configText("v32-tiny");
  expectBadConfig(with(text, "index_head_dim", "14"), 3,
                  "\"qk_rope_head_dim\" (16) is more than \"index_head_dim\" (14)");
  goodConfig(with(text, "index_head_dim", "16"));
  goodConfig(with(text, "index_head_dim", "17"));
  expectBadConfig(with(text, "q_lora_rank", "null"), 3,
                  "\"q_lora_rank\" is null, but index queries are projected from query latents");
  expectBadConfig(with(with(text, "index_n_heads", "65536"), "index_head_dim", "65536"), 3,
                  "imply rows of 4294967296 numbers");
  expectBadConfig(with(text, "index_n_heads", "0"), 3, "\"index_n_heads\" is 0");
}

TEST(IndexerTest, IndexersThatSharePositionsAreRefusedByName) {
  std::string text = configText("v32-tiny");
  for (const char *member : {R"("index_topk_freq": 4)", R"("index_kpool": 4)"}) {
    expectBadConfig(adding(text, member), 4, "which no part of deepseek_v32 implements");
  }
  expectBadConfig(adding(text, R"("indexer_types": ["full", "shared", "full"])"), 4,
                  "\"indexer_types\" holds \"shared\", but the only supported value is \"full\"");
  goodConfig(adding(text, "\"index_topk_freq\": 1"));
  goodConfig(adding(text, R"("indexer_types": ["full", "full", "full"])"));
}

TEST(IndexerTest, KindsOfIndexersAreAnArrayWithAnEntryForEachLayer) {
  std::string text = configText("v32-tiny");
  expectBadConfig(adding(text, R"("indexer_types": ["full"])"), 3,
                  "\"indexer_types\" has length 1, expected one entry for each of 3 layers");
  expectBadConfig(adding(text, R"("indexer_types": "full")"), 3, "\"indexer_types\" is \"full\", expected an array");
}

TEST(IndexerTest, EveryLayerHasItsTensors) {
  SmallModel model(configText("v32-tiny"), gen::ProjectionType::Bf16);
  auto shape = [&](const char *name) { return model.at(std::string(kIndexer) + name).shape; };
  EXPECT_EQ(shape("wq_b.weight"), (std::vector<int64_t>{16 * 32, 48}));
  EXPECT_EQ(shape("wk.weight"), (std::vector<int64_t>{32, 128}));
  EXPECT_EQ(shape("k_norm.weight"), std::vector<int64_t>{32});
  EXPECT_EQ(shape("k_norm.bias"), std::vector<int64_t>{32});
  EXPECT_EQ(shape("weights_proj.weight"), (std::vector<int64_t>{16, 128}));
  ModelWeights weights = model.findGood();
  ASSERT_TRUE(weights.draft);
  EXPECT_NE(weights.draft->find("self_attn.indexer.k_norm.bias"), nullptr) << "the draft layer has an indexer";
}

TEST(IndexerTest, ProjectionsMayBeFp8AndWeightsOfHeadsMayNot) {
  SmallModel model(configText("v32-tiny-fp8"), gen::ProjectionType::Fp8);
  EXPECT_EQ(model.at(std::string(kIndexer) + "wq_b.weight").dtype, DType::F8_E4M3);
  EXPECT_EQ(model.at(std::string(kIndexer) + "weights_proj.weight").dtype, DType::BF16);
  for (const char *name : {"k_norm.weight", "k_norm.bias", "weights_proj.weight"}) {
    model.at(std::string(kIndexer) + name).dtype = DType::F32;
  }
  model.findGood();
  model.at(std::string(kIndexer) + "weights_proj.weight").dtype = DType::F8_E4M3;
  model.expectBad(4, "weights_proj.weight: is F8_E4M3, expected one of BF16, F16, F32");
}

TEST(IndexerTest, TensorsThatAreMissingOrMisshapen) {
  SmallModel model(configText("v32-tiny"), gen::ProjectionType::Bf16);
  model.at(std::string(kIndexer) + "wk.weight").shape = {32, 64};
  model.expectBad(3, "indexer.wk.weight: has shape [32, 64], but config.json implies [32, 128]");
  model.remove(std::string(kIndexer) + "k_norm.bias");
  model.expectBad(3, "k_norm.bias: no shard has this tensor");
}

} // namespace
} // namespace fathom::huggingface

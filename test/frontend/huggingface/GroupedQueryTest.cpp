// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Families with grouped-query attention: heads, biases, windows that are off, and what is refused.

#include "test/frontend/huggingface/SmallModel.h"

namespace fathom::huggingface {
namespace {

using namespace test;

TEST(GroupedQueryTest, WidthsOfHeadsComeFromTheFileOrFromHidden) {
  ModelConfig own = goodConfig(configText("qwen3-tiny")), divided = goodConfig(configText("qwen2-tiny"));
  EXPECT_EQ(own.gqa.headDim, 24);
  EXPECT_EQ(divided.gqa.headDim, 16);
  EXPECT_EQ(own.rope.width, 24);
  EXPECT_EQ(own.gqa.keyValueHeads, 2);
  EXPECT_FALSE(own.rope.interleaved);
  // Qwen3's is 128 where the file does not say, whatever hidden_size and the heads are.
  EXPECT_EQ(goodConfig(without(configText("qwen3-tiny"), "head_dim")).gqa.headDim, 128);
  // Multi-head attention is a group for each head.
  EXPECT_EQ(goodConfig(without(configText("llama-tiny"), "num_key_value_heads")).gqa.keyValueHeads, 8);
  EXPECT_EQ(goodConfig(with(configText("llama-tiny"), "num_key_value_heads", "1")).gqa.keyValueHeads, 1);
}

TEST(GroupedQueryTest, EachGroupStoresARowOfItsOwn) {
  ModelConfig grouped = goodConfig(configText("qwen3-tiny"));
  for (const Store &store : storesOf(grouped)) {
    EXPECT_EQ(store.heads, 2) << store.name.str();
    EXPECT_EQ(store.width, 24) << store.name.str();
  }
  EXPECT_EQ(storedWidth(grouped), 2 * 2 * 24);
  // All heads of latent attention share one.
  EXPECT_EQ(storesOf(goodConfig(configText("v3-tiny"))).front().heads, 1);
}

TEST(GroupedQueryTest, HeadsThatDoNotDivide) {
  std::string llama = configText("llama-tiny"), qwen2 = configText("qwen2-tiny");
  expectBadConfig(with(llama, "num_key_value_heads", "3"), 3,
                  "\"num_key_value_heads\" (3) does not divide \"num_attention_heads\" (8)");
  expectBadConfig(with(llama, "num_key_value_heads", "16"), 3, "(16) does not divide \"num_attention_heads\" (8)");
  expectBadConfig(with(llama, "num_key_value_heads", "0"), 3, "\"num_key_value_heads\" is 0, expected an integer");
  expectBadConfig(with(llama, "head_dim", "15"), 3, "\"head_dim\" is 15, but rotary embedding needs an even number");
  expectBadConfig(with(llama, "head_dim", "0"), 3, "\"head_dim\" is 0, expected an integer");
  expectBadConfig(with(qwen2, "hidden_size", "100"), 3,
                  "\"head_dim\" is not given, and \"num_attention_heads\" (8) does not divide \"hidden_size\" (100)");
  expectBadConfig(with(qwen2, "hidden_size", "8"), 3, "\"head_dim\" is 1, but rotary embedding needs an even number");
}

TEST(GroupedQueryTest, WindowsThatAreOnAreRefusedByName) {
  std::string qwen2 = configText("qwen2-tiny"), llama = configText("llama-tiny");
  std::string on = with(qwen2, "use_sliding_window", "true");
  expectBadConfig(on, 4, "\"use_sliding_window\" is true");
  // A list that is too short is wrong by itself, and graver.
  expectBadConfig(adding(on, R"("layer_types": ["full_attention"])"), 3, "\"use_sliding_window\" is true");
  expectBadConfig(adding(llama, "\"sliding_window\": 4096"), 4,
                  "\"sliding_window\" is 4096, but the only supported value is null");
  expectBadConfig(adding(qwen2, R"("layer_types": ["full_attention", "sliding_attention"])"), 4,
                  "\"layer_types\" holds \"sliding_attention\", but the only supported value is \"full_attention\"");
  expectBadConfig(adding(qwen2, R"("layer_types": [7])"), 4, "\"layer_types\" holds 7");
}

TEST(GroupedQueryTest, WindowsThatAreOffAreNothing) {
  std::string qwen2 = configText("qwen2-tiny"), llama = configText("llama-tiny");
  goodConfig(qwen2);
  goodConfig(without(qwen2, "use_sliding_window"));
  goodConfig(adding(llama, "\"sliding_window\": null"));
  goodConfig(adding(llama, R"("sliding_window": 4096, "use_sliding_window": false)"));
  std::string full = R"("layer_types": ["full_attention", "full_attention", "full_attention"])";
  goodConfig(adding(qwen2, full));
  goodConfig(adding(llama, full + R"(, "sliding_window": 4096)"));
}

TEST(GroupedQueryTest, WindowsThatAreOnForNoLayerAreNothing) {
  std::string on = with(configText("qwen2-tiny"), "use_sliding_window", "true");
  goodConfig(with(on, "sliding_window", "null"));
  goodConfig(adding(on, R"("layer_types": ["full_attention", "full_attention", "full_attention"])"));
}

/// How many tensors of a configuration are biases.
size_t countBiases(const std::string &text) {
  SmallModel model(text, gen::ProjectionType::Bf16);
  size_t count = llvm::count_if(
      model.tensors, [](const test::TestTensor &tensor) { return llvm::StringRef(tensor.name).ends_with(".bias"); });
  model.findGood();
  return count;
}

TEST(GroupedQueryTest, BiasesAreThereWhereTheFamilyOrTheFileSays) {
  std::string llama = configText("llama-tiny"), qwen2 = configText("qwen2-tiny"), qwen3 = configText("qwen3-tiny");
  EXPECT_EQ(countBiases(llama), 0u);
  EXPECT_EQ(countBiases(with(llama, "attention_bias", "true")), 3 * 4u);
  EXPECT_EQ(countBiases(with(llama, "mlp_bias", "true")), 3 * 3u);
  EXPECT_EQ(countBiases(with(qwen3, "attention_bias", "true")), 3 * 4u);
  // Whatever qwen2's file says of biases: queries, keys and values have them, the output has none.
  EXPECT_EQ(countBiases(qwen2), 3 * 3u);
  EXPECT_EQ(countBiases(with(qwen2, "attention_bias", "true")), 3 * 3u);
}

TEST(GroupedQueryTest, NormsOfHeadsAreAsWideAsAHead) {
  SmallModel model(configText("qwen3-tiny"), gen::ProjectionType::Bf16);
  EXPECT_EQ(model.at("model.layers.2.self_attn.q_norm.weight").shape, std::vector<int64_t>{24});
  EXPECT_EQ(model.at("model.layers.0.self_attn.k_proj.weight").shape, (std::vector<int64_t>{48, 128}));
  model.at("model.layers.2.self_attn.q_norm.weight").shape = {48};
  model.expectBad(3, "model.layers.2.self_attn.q_norm.weight: has shape [48], but config.json implies [24]");
}

TEST(GroupedQueryTest, ScaleOfMoERoutingIsOneWhereItIsNotSaid) {
  EXPECT_EQ(goodConfig(without(configText("moe-tiny"), "routed_scaling_factor")).routing.scale, 1);
  expectBadConfig(with(configText("moe-tiny"), "scoring_func", "\"sigmoid\""), 4, "supported for deepseek: softmax");
  expectBadConfig(with(configText("moe-tiny"), "topk_method", "\"noaux_tc\""), 4, "supported for deepseek: greedy");
}

} // namespace
} // namespace fathom::huggingface

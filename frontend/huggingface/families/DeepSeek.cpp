// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// DeepSeek's own architectures. Routing: their own inference code and Hugging Face's, which agree.

#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

static constexpr RoutingFact kV2Routings[] = {
    {"softmax", "greedy", ScoreFunction::Softmax, GroupScore::None, false},
    {"softmax", "group_limited_greedy", ScoreFunction::Softmax, GroupScore::Maximum, false},
};

static constexpr RoutingFact kV3Routings[] = {
    {"sigmoid", "noaux_tc", ScoreFunction::Sigmoid, GroupScore::Top2Sum, true},
};

static constexpr FieldDefault kDefaults[] = {{"max_position_embeddings", 2048}, {"rms_norm_eps", 1e-6}};

static constexpr FieldDefault kV2Defaults[] = {
    {"max_position_embeddings", 2048}, {"rms_norm_eps", 1e-6}, {"norm_topk_prob", false}, {"routed_scaling_factor", 1}};

static constexpr FieldDefault kV3Defaults[] = {
    {"max_position_embeddings", 4096}, {"rms_norm_eps", 1e-6}, {"norm_topk_prob", true}, {"routed_scaling_factor", 2.5},
    {"num_experts_per_tok", 8},        {"n_group", 8},         {"topk_group", 4}};

static constexpr FieldDefault kV32Defaults[] = {{"max_position_embeddings", 163840},
                                                {"rms_norm_eps", 1e-6},
                                                {"norm_topk_prob", true},
                                                {"routed_scaling_factor", 2.5},
                                                {"num_experts_per_tok", 8},
                                                {"n_group", 8},
                                                {"topk_group", 4},
                                                {"index_n_heads", 64},
                                                {"index_head_dim", 128},
                                                {"index_topk", 2048}};

std::vector<Family> deepSeekFamilies() {
  return {
      {"deepseek",
       {&gqa, &attentionBias, &denseMlp, &experts},
       RopePairs::HalfSplit,
       {llvm::ArrayRef(kV2Routings).take_front(1), Normalization::OfSeveral, Need::Optional},
       /*windowsHaveSwitch=*/false,
       /*headDim=*/0,
       kDefaults},
      {"deepseek_v2",
       {&mla, &denseMlp, &experts, &mtp},
       RopePairs::Interleaved,
       {kV2Routings, Normalization::OfSeveralUnscaled},
       /*windowsHaveSwitch=*/false,
       /*headDim=*/0,
       kV2Defaults},
      {"deepseek_v3",
       {&mla, &denseMlp, &experts, &mtp},
       RopePairs::Interleaved,
       {kV3Routings},
       /*windowsHaveSwitch=*/false,
       /*headDim=*/0,
       kV3Defaults},
      {"deepseek_v32",
       {&mla, &indexer, &denseMlp, &experts, &mtp},
       RopePairs::Interleaved,
       {kV3Routings},
       /*windowsHaveSwitch=*/false,
       /*headDim=*/0,
       kV32Defaults,
       // Releases have a Python script in place of a template.
       "deepseek-v3.2"},
  };
}

} // namespace fathom::huggingface

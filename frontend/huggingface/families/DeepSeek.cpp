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

std::vector<Family> deepSeekFamilies() {
  return {
      {"deepseek",
       {&gqa, &attentionBias, &denseMlp, &experts},
       RopePairs::HalfSplit,
       {llvm::ArrayRef(kV2Routings).take_front(1), Normalization::OfSeveral, Need::Optional}},
      {"deepseek_v2",
       {&mla, &denseMlp, &experts, &mtp},
       RopePairs::Interleaved,
       {kV2Routings, Normalization::OfSeveralUnscaled}},
      {"deepseek_v3", {&mla, &denseMlp, &experts, &mtp}, RopePairs::Interleaved, {kV3Routings}},
  };
}

} // namespace fathom::huggingface

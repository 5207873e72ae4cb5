// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Families with grouped-query attention: Llama's, which DeepSeek-LLM, DeepSeek-Coder and R1-Distill-Llama are, and
// Qwen's, which the other distills are.

#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

static constexpr FieldDefault kLlamaDefaults[] = {{"max_position_embeddings", 2048}, {"rms_norm_eps", 1e-6}};
static constexpr FieldDefault kQwenDefaults[] = {{"max_position_embeddings", 32768}, {"rms_norm_eps", 1e-6}};

std::vector<Family> llamaFamilies() {
  return {
      {"llama",
       {&gqa, &attentionBias, &denseMlp, &mlpBias},
       RopePairs::HalfSplit,
       {},
       /*windowsHaveSwitch=*/false,
       /*headDim=*/0,
       kLlamaDefaults},
      {"qwen2",
       {&gqa, &qkvBias, &denseMlp},
       RopePairs::HalfSplit,
       {},
       /*windowsHaveSwitch=*/true,
       /*headDim=*/0,
       kQwenDefaults},
      {"qwen3",
       {&gqa, &attentionBias, &qkNorm, &denseMlp},
       RopePairs::HalfSplit,
       {},
       /*windowsHaveSwitch=*/true,
       /*headDim=*/128,
       kQwenDefaults},
  };
}

} // namespace fathom::huggingface

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Families with grouped-query attention: Llama's, which DeepSeek-LLM, DeepSeek-Coder and R1-Distill-Llama are, and
// Qwen's, which the other distills are.

#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {

std::vector<Family> llamaFamilies() {
  return {
      {"llama", {&gqa, &attentionBias, &denseMlp, &mlpBias}, RopePairs::HalfSplit, {}, /*windowsHaveSwitch=*/false},
      {"qwen2", {&gqa, &qkvBias, &denseMlp}, RopePairs::HalfSplit, {}, /*windowsHaveSwitch=*/true},
      {"qwen3",
       {&gqa, &attentionBias, &qkNorm, &denseMlp},
       RopePairs::HalfSplit,
       {},
       /*windowsHaveSwitch=*/true,
       /*headDim=*/128},
  };
}

} // namespace fathom::huggingface

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The facts of DeepSeek-V2 and DeepSeek-V3. Names and shapes: the released checkpoints; routing: their own
// inference code and Hugging Face's, which agree.

#include "frontend/huggingface/Families.h"

namespace fathom::huggingface {
namespace {

using C = const ModelConfig &;

int64_t vocabulary(C c) { return c.vocabulary; }
int64_t hidden(C c) { return c.hidden; }
int64_t twiceHidden(C c) { return 2 * c.hidden; }
int64_t denseWidth(C c) { return c.denseWidth; }
int64_t queryRank(C c) { return c.attention.qLoraRank; }
int64_t latentRank(C c) { return c.attention.kvLoraRank; }
int64_t latentAndRope(C c) { return c.attention.kvLoraRank + c.attention.qkRopeHeadDim; }
int64_t queryHeads(C c) { return c.attention.heads * (c.attention.qkNopeHeadDim + c.attention.qkRopeHeadDim); }
int64_t keyValueHeads(C c) { return c.attention.heads * (c.attention.qkNopeHeadDim + c.attention.vHeadDim); }
int64_t valueHeads(C c) { return c.attention.heads * c.attention.vHeadDim; }
int64_t experts(C c) { return c.routing.experts; }
int64_t expertWidth(C c) { return c.routing.expertWidth; }
int64_t sharedWidth(C c) { return c.routing.sharedExperts * c.routing.expertWidth; }

bool hasQueryLatent(C c) { return c.attention.qLoraRank > 0; }
bool hasNoQueryLatent(C c) { return c.attention.qLoraRank == 0; }
bool hasSharedExperts(C c) { return c.routing.sharedExperts > 0; }
bool hasCorrectionBias(C c) { return c.routing.correctionBias; }
bool hasOwnHead(C c) { return !c.tiedEmbeddings; }

constexpr bool plain = false, perExpert = true, fp8 = true;

// clang-format off
constexpr TensorFact tensors[] = {
  {"embed_tokens", "model.embed_tokens.weight", Scope::Model, Role::Embedding, vocabulary, hidden},
  {"norm", "model.norm.weight", Scope::Model, Role::Norm, hidden, nullptr},
  {"lm_head", "lm_head.weight", Scope::Model, Role::Projection, vocabulary, hidden, plain, plain, hasOwnHead},

  // A draft layer joins the embedding of the next token with the hidden state of this one; its own copies of
  // embedding and head may be left to sharing.
  {"embed_tokens", "embed_tokens.weight", Scope::MtpLayer, Role::Embedding, vocabulary, hidden, plain, plain, nullptr, true},
  {"enorm", "enorm.weight", Scope::MtpLayer, Role::Norm, hidden, nullptr},
  {"hnorm", "hnorm.weight", Scope::MtpLayer, Role::Norm, hidden, nullptr},
  {"eh_proj", "eh_proj.weight", Scope::MtpLayer, Role::Projection, hidden, twiceHidden},

  {"input_layernorm", "input_layernorm.weight", Scope::EveryLayer, Role::Norm, hidden, nullptr},
  {"self_attn.q_proj", "self_attn.q_proj.weight", Scope::EveryLayer, Role::Projection, queryHeads, hidden, plain, fp8, hasNoQueryLatent},
  {"self_attn.q_a_proj", "self_attn.q_a_proj.weight", Scope::EveryLayer, Role::Projection, queryRank, hidden, plain, fp8, hasQueryLatent},
  {"self_attn.q_a_layernorm", "self_attn.q_a_layernorm.weight", Scope::EveryLayer, Role::Norm, queryRank, nullptr, plain, plain, hasQueryLatent},
  {"self_attn.q_b_proj", "self_attn.q_b_proj.weight", Scope::EveryLayer, Role::Projection, queryHeads, queryRank, plain, fp8, hasQueryLatent},
  {"self_attn.kv_a_proj_with_mqa", "self_attn.kv_a_proj_with_mqa.weight", Scope::EveryLayer, Role::Projection, latentAndRope, hidden, plain, fp8},
  {"self_attn.kv_a_layernorm", "self_attn.kv_a_layernorm.weight", Scope::EveryLayer, Role::Norm, latentRank, nullptr},
  {"self_attn.kv_b_proj", "self_attn.kv_b_proj.weight", Scope::EveryLayer, Role::Projection, keyValueHeads, latentRank, plain, fp8},
  {"self_attn.o_proj", "self_attn.o_proj.weight", Scope::EveryLayer, Role::Projection, hidden, valueHeads, plain, fp8},
  {"post_attention_layernorm", "post_attention_layernorm.weight", Scope::EveryLayer, Role::Norm, hidden, nullptr},

  {"mlp.gate_proj", "mlp.gate_proj.weight", Scope::DenseLayer, Role::Projection, denseWidth, hidden, plain, fp8},
  {"mlp.up_proj", "mlp.up_proj.weight", Scope::DenseLayer, Role::Projection, denseWidth, hidden, plain, fp8},
  {"mlp.down_proj", "mlp.down_proj.weight", Scope::DenseLayer, Role::Projection, hidden, denseWidth, plain, fp8},

  {"mlp.gate", "mlp.gate.weight", Scope::MoeLayer, Role::Router, experts, hidden},
  {"mlp.gate.e_score_correction_bias", "mlp.gate.e_score_correction_bias", Scope::MoeLayer, Role::CorrectionBias, experts, nullptr, plain, plain, hasCorrectionBias},
  {"mlp.experts.gate_proj", "mlp.experts.{expert}.gate_proj.weight", Scope::MoeLayer, Role::Projection, expertWidth, hidden, perExpert, fp8},
  {"mlp.experts.up_proj", "mlp.experts.{expert}.up_proj.weight", Scope::MoeLayer, Role::Projection, expertWidth, hidden, perExpert, fp8},
  {"mlp.experts.down_proj", "mlp.experts.{expert}.down_proj.weight", Scope::MoeLayer, Role::Projection, hidden, expertWidth, perExpert, fp8},
  {"mlp.shared_experts.gate_proj", "mlp.shared_experts.gate_proj.weight", Scope::MoeLayer, Role::Projection, sharedWidth, hidden, plain, fp8, hasSharedExperts},
  {"mlp.shared_experts.up_proj", "mlp.shared_experts.up_proj.weight", Scope::MoeLayer, Role::Projection, sharedWidth, hidden, plain, fp8, hasSharedExperts},
  {"mlp.shared_experts.down_proj", "mlp.shared_experts.down_proj.weight", Scope::MoeLayer, Role::Projection, hidden, sharedWidth, plain, fp8, hasSharedExperts},

  {"shared_head.norm", "shared_head.norm.weight", Scope::MtpLayer, Role::Norm, hidden, nullptr},
  {"shared_head.head", "shared_head.head.weight", Scope::MtpLayer, Role::Projection, vocabulary, hidden, plain, plain, nullptr, true},
};
// clang-format on

constexpr RoutingFact v2Routings[] = {
    {"softmax", "greedy", ScoreFunction::Softmax, GroupScore::None, false},
    {"softmax", "group_limited_greedy", ScoreFunction::Softmax, GroupScore::Maximum, false},
};

constexpr RoutingFact v3Routings[] = {
    {"sigmoid", "noaux_tc", ScoreFunction::Sigmoid, GroupScore::SumOfTopTwo, true},
};

} // namespace

llvm::ArrayRef<Family> families() {
  static const Family all[] = {
      {"deepseek_v2", tensors, v2Routings, /*normalisingReplacesScaling=*/true, /*latentNormEpsilon=*/1e-6},
      {"deepseek_v3", tensors, v3Routings, /*normalisingReplacesScaling=*/false, /*latentNormEpsilon=*/1e-6},
  };
  return all;
}

} // namespace fathom::huggingface

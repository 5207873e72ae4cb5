// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/TensorNames.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

#include <utility>

namespace fathom::gguf {

using Names = std::pair<llvm::StringLiteral, llvm::StringLiteral>;

static constexpr llvm::StringLiteral kLayer = "blk.", kCheckpointLayer = "model.layers.";
static constexpr llvm::StringLiteral kExperts = "mlp.experts.", kStackedExperts = "mlp.switch_mlp.";

static constexpr Names kModelNames[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};

/// Of a layer, without ".weight" or ".bias".
static constexpr Names kLayerNames[] = {
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"attn_q_a", "self_attn.q_a_proj"},
    {"attn_q_a_norm", "self_attn.q_a_layernorm"},
    {"attn_q_b", "self_attn.q_b_proj"},
    {"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
    {"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
    {"attn_kv_b", "self_attn.kv_b_proj"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_exps", "mlp.switch_mlp.gate_proj"},
    {"ffn_up_exps", "mlp.switch_mlp.up_proj"},
    {"ffn_down_exps", "mlp.switch_mlp.down_proj"},
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
};

/// The one whose whole name is not that of another with another suffix.
static constexpr Names kCorrectionBias = {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"};

static int64_t takeLayer(llvm::StringRef &name, llvm::StringRef prefix) {
  int64_t layer = -1;
  llvm::StringRef rest = name;
  bool taken = rest.consume_front(prefix) && !rest.consumeInteger(10, layer) && rest.consume_front(".") && layer >= 0;
  name = taken ? rest : name;
  return taken ? layer : -1;
}

int64_t takeLayer(llvm::StringRef &name) { return takeLayer(name, kLayer); }

/// The other name of `name` in a table, read from left to right or back.
static llvm::StringRef look(llvm::ArrayRef<Names> table, llvm::StringRef name, bool back) {
  const Names *found =
      llvm::find_if(table, [&](const Names &names) { return name == (back ? names.second : names.first); });
  return found == table.end() ? "" : back ? llvm::StringRef(found->first) : llvm::StringRef(found->second);
}

/// The other name of a layer's tensor; empty where it is not known.
static std::string lookInLayer(llvm::StringRef name, bool back) {
  if (llvm::StringRef other = look(kCorrectionBias, name, back); !other.empty()) {
    return other.str();
  }
  auto [base, suffix] = name.rsplit('.');
  llvm::StringRef other = look(kLayerNames, base, back);
  return other.empty() ? "" : other.str() + "." + suffix.str();
}

std::string toCheckpointName(llvm::StringRef name) {
  llvm::StringRef rest = name;
  int64_t layer = takeLayer(rest, kLayer);
  std::string other = layer >= 0 ? lookInLayer(rest, false) : look(kModelNames, name, false).str();
  return other.empty() ? name.str() : layer < 0 ? other : kCheckpointLayer.str() + std::to_string(layer) + "." + other;
}

std::string toGgufName(llvm::StringRef name) {
  llvm::StringRef rest = name;
  int64_t layer = takeLayer(rest, kCheckpointLayer);
  std::string inLayer = rest.str();
  if (rest.consume_front(kExperts)) {
    inLayer = kStackedExperts.str() + rest.split('.').second.str();
  }
  std::string other = layer >= 0 ? lookInLayer(inLayer, true) : look(kModelNames, name, true).str();
  return other.empty() ? name.str() : layer < 0 ? other : kLayer.str() + std::to_string(layer) + "." + other;
}

} // namespace fathom::gguf

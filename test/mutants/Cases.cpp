// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Widths are odd where a kernel may have a remainder, and so large that it goes around its loops.

#include "test/mutants/Cases.h"

namespace fathom::test {

using gen::ProjectionType;
using huggingface::StoredType;

static constexpr const char *kSparse = R"({
  "model_type": "deepseek_v32", "hidden_size": 584, "intermediate_size": 104, "num_hidden_layers": 2, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 328,
  "num_attention_heads": 3, "q_lora_rank": 48, "kv_lora_rank": 384, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
  "v_head_dim": 24, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "moe_layer_freq": 1, "index_n_heads": 5,
  "index_head_dim": 32, "index_topk": 160})";

static constexpr const char *kIndexed = R"({
  "model_type": "deepseek_v32", "hidden_size": 264, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 40,
  "num_attention_heads": 3, "q_lora_rank": 48, "kv_lora_rank": 128, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
  "v_head_dim": 24, "n_routed_experts": 3, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 1,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 0, "moe_layer_freq": 1, "index_n_heads": 5,
  "index_head_dim": 32, "index_topk": 160})";

static constexpr const char *kDense = R"({
  "model_type": "deepseek_v3", "hidden_size": 72, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 2100, "torch_dtype": "bfloat16", "moe_intermediate_size": 40,
  "num_attention_heads": 3, "q_lora_rank": 48, "kv_lora_rank": 128, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
  "v_head_dim": 24, "n_routed_experts": 72, "n_shared_experts": 1, "num_experts_per_tok": 4, "n_group": 24,
  "topk_group": 12, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 0, "moe_layer_freq": 1})";

/// Heads for two blocks of a whole row, and so many that a lane has scores of two.
static constexpr const char *kLatents = R"({
  "model_type": "deepseek_v3", "hidden_size": 72, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 40,
  "num_attention_heads": 36, "q_lora_rank": 48, "kv_lora_rank": 128, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
  "v_head_dim": 24, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 0, "moe_layer_freq": 1})";

/// The same, and selected keys for three parts.
static constexpr const char *kSelected = R"({
  "model_type": "deepseek_v32", "hidden_size": 72, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 40,
  "num_attention_heads": 36, "q_lora_rank": 48, "kv_lora_rank": 128, "qk_nope_head_dim": 16, "qk_rope_head_dim": 32,
  "v_head_dim": 24, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 0, "moe_layer_freq": 1, "index_n_heads": 5,
  "index_head_dim": 32, "index_topk": 320})";

static constexpr const char *kWide = R"({
  "model_type": "deepseek_v3", "hidden_size": 136, "intermediate_size": 232, "num_hidden_layers": 2, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 168,
  "num_attention_heads": 3, "q_lora_rank": 272, "kv_lora_rank": 160, "qk_nope_head_dim": 80, "qk_rope_head_dim": 32,
  "v_head_dim": 136, "n_routed_experts": 3, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 1,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "moe_layer_freq": 1})";

/// Heads whose rows are whole blocks of scales, and keys of more steps than shared memory has places for.
static constexpr const char *kWideHeads = R"({
  "model_type": "deepseek_v3", "hidden_size": 72, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 130, "torch_dtype": "bfloat16", "moe_intermediate_size": 40,
  "num_attention_heads": 2, "q_lora_rank": 48, "kv_lora_rank": 160, "qk_nope_head_dim": 648, "qk_rope_head_dim": 32,
  "v_head_dim": 120, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
  "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "first_k_dense_replace": 0, "moe_layer_freq": 1})";

static constexpr const char *kGrouped = R"({
  "model_type": "llama", "hidden_size": 72, "intermediate_size": 40, "num_hidden_layers": 1, "hidden_act": "silu",
  "rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": null, "max_position_embeddings": 4096,
  "tie_word_embeddings": false, "vocab_size": 40, "torch_dtype": "bfloat16", "num_attention_heads": 6,
  "num_key_value_heads": 2, "head_dim": 128, "mlp_bias": true})";

static constexpr ActivationType kBf16 = ActivationType::Bf16, kF32 = ActivationType::F32;

/// Kernels of products and `more`, by their symbols up to the operation.
static std::vector<std::string> productsOf(const std::string &symbol, std::initializer_list<const char *> more = {}) {
  std::vector<std::string> all = {symbol + "_gemm", symbol + "_gemm_swiglu", symbol + "_moe_gemm",
                                  symbol + "_moe_gemm_swiglu"};
  for (const char *op : more) {
    all.push_back(symbol + op);
  }
  return all;
}

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {{"sparse", kSparse, ProjectionType::Bf16, kBf16, StoredType::Bf16},
       {"sm_80_bf16_embedding", "sm_80_f32_select_rows", "sm_80_bf16_rms_norm", "sm_80_bf16_add_rms_norm",
        "sm_80_bf16_layer_norm", "sm_80_f32_rope", "sm_80_f32_cache_append", "sm_80_bf16_mla_append",
        "sm_80_f32_moe_combine", "sm_80_f32_mla_selected_partials"}},
      {{"indexed", kIndexed, ProjectionType::Bf16, kBf16, StoredType::Fp8, /*batch=*/20, {{5, 400}, {36, 175}}},
       {"sm_80_f32_index_select", "sm_80_f32_index_candidates", "sm_80_f32_index_merge", "sm_80_f32_hadamard",
        "sm_80_f32_mla_selected_attention"}},
      {{"wide", kWide, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {160}}},
       productsOf("sm_80_bf16", {"_mla_expand_output"})},
      {{"exact", kIndexed, ProjectionType::F32, kF32, StoredType::F32},
       {"sm_80_f32_embedding", "sm_80_f32_rms_norm", "sm_80_f32_add_rms_norm", "sm_80_f32_layer_norm",
        "sm_80_f32_mla_append", "sm_80_f32_gemm", "sm_80_f32_gemm_swiglu", "sm_80_f32_moe_gemm",
        "sm_80_f32_moe_gemm_swiglu", "sm_80_f32_mla_absorb_query", "sm_80_f32_mla_expand_output"}},
      {{"wide_fp8", kWide, ProjectionType::Fp8, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {160}}},
       productsOf("sm_80_f8e4m3", {"_mla_absorb_query", "_mla_expand_output"})},
      {{"wide_heads", kWideHeads, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {160}}},
       {"sm_80_bf16_mla_absorb_query"}},
      {{"wide_heads_fp8", kWideHeads, ProjectionType::Fp8, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {160}}},
       {"sm_80_f8e4m3_mla_absorb_query"}},
      {{"hopper", kWide, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {40}, {160}}, "90a"},
       productsOf("sm_90a_bf16")},
      {{"hopper_fp8", kWide, ProjectionType::Fp8, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {40}, {160}}, "90a"},
       productsOf("sm_90a_f8e4m3")},
      {{"dense", kDense, ProjectionType::Bf16, kBf16, StoredType::Bf16},
       {"sm_80_f32_mla_latent_partials", "sm_80_f32_attention_combine", "sm_80_f32_moe_gate", "sm_80_moe_permute",
        "sm_80_f32_argmax"}},
      {{"hopper_latents", kLatents, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{9}}, "90a"},
       {"sm_90a_f32_mla_latent_partials"}},
      {{"hopper_batched", kLatents, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/72, {{9}}, "90a"},
       {"sm_90a_f32_mla_latent_attention"}},
      {{"hopper_selected", kSelected, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{5, 400}}, "90a"},
       {"sm_90a_f32_mla_selected_partials", "sm_90a_f32_mla_selected_attention"}},
      {{"batched", kDense, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/72},
       {"sm_80_f32_mla_latent_attention"}},
      {{"grouped", kGrouped, ProjectionType::Bf16, kBf16, StoredType::Bf16, /*batch=*/20, {{5}, {40}, {160}}},
       {"sm_80_f32_gqa_attention", "sm_80_f32_gqa_partials", "sm_80_f32_swiglu"}},
  };
  return all;
}

} // namespace fathom::test

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields of config.json that no part of the family has asked for: those that change answers wherever they are known are
// refused by name, those that only describe are nothing, and of all others a warning says that nobody reads them.

#include "frontend/huggingface/ConfigParser.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace fathom::huggingface {

using checkpoint::json::Value;

/// What some architecture does and no part does.
static constexpr UndoneSetting kUndoneFields[] = {
    // Attention.
    {"sliding_window"},
    {"use_sliding_window"},
    {"attention_chunk_size"},
    {"full_attention_interval"},
    {"attn_type_list"},
    {"attn_logit_softcapping"},
    {"query_pre_attn_scalar"},
    {"attention_multiplier"},
    {"softmax_scale"},
    {"scale_attn_by_inverse_layer_idx"},
    {"attn_temperature_tuning"},
    {"use_logn_attn"},
    {"attn_output_gate"},
    {"headwise_attn_output_gate"},
    {"elementwise_attn_output_gate"},
    {"use_bidirectional_attention"},
    {"clip_qkv"},
    {"qk_layernorm"},
    {"use_qk_norm"},
    {"qk_norm"},
    {"use_mla"},
    {"mla_scale_q_lora"},
    {"mla_scale_kv_lora"},
    {"use_cla"},
    {"num_kv_shared_layers"},
    // Positions.
    {"alibi"},
    {"rotary_pct", 1},
    {"rope_interleave"},
    {"rope_interleaved"},
    {"rotary_interleaved"},
    {"rope_traditional"},
    {"rope_local_base_freq"},
    {"use_dynamic_ntk"},
    {"no_rope_layers"},
    {"no_rope_layer_interval"},
    {"use_mrope"},
    // Other models.
    {"add_cross_attention"},
    {"is_encoder_decoder"},
    {"pruned_heads"},
    // Attention of DeepSeek-V3.2 and later.
    {"index_topk"},
    {"index_n_heads"},
    {"index_head_dim"},
    {"index_topk_freq", 1},
    {"index_topk_pattern"},
    {"index_kpool", 1},
    {"indexer_types"},
    {"compress_ratios"},
    {"kv_source_layer_ids"},
    {"o_groups"},
    {"o_lora_rank"},
    // Feed-forward networks.
    {"mlp_bias"},
    {"swiglu_limit"},
    {"num_hash_layers"},
    {"zero_expert_num"},
    {"gate_temp", 1},
    {"mlp_only_layers"},
    {"decoder_sparse_step", 1},
    // The stream between layers, embedding and head.
    {"hc_mult"},
    {"engram_layer_ids"},
    {"parallel_attn"},
    {"use_parallel_residual"},
    {"postnorm"},
    {"sandwich_norm"},
    {"zero_centered_gamma"},
    {"norm_head"},
    {"embedding_multiplier", 1},
    {"residual_multiplier", 1},
    {"scale_emb", 1},
    {"scale_depth"},
    {"dim_model_base"},
    {"logit_scale", 1},
    {"logits_scaling", 1},
    {"lm_head_multiplier", 1},
    {"final_logit_softcapping"},
    {"lm_head_bias"},
    // How weights are stored.
    {"expert_dtype"},
    {"quantization"},
    {"compression_config"},
};

/// What trainers, hubs and the transformers library write into every configuration, what only training reads, and what
/// parts of other families read that shapes of tensors tell apart.
static constexpr llvm::StringLiteral kDescriptions =
    "architectures model_type auto_map trust_remote_code transformers_version _name_or_path name_or_path "
    "_commit_hash _attn_implementation_autoset attn_implementation torch_dtype dtype use_bfloat16 "
    "tf_legacy_loss torchscript return_dict output_attentions output_hidden_states output_router_logits "
    "output_scores return_dict_in_generate use_cache gradient_checkpointing chunk_size_feed_forward "
    "is_decoder cross_attention_hidden_size tie_encoder_decoder finetuning_task id2label label2id num_labels "
    "problem_type task_specific_params tokenizer_class prefix pad_token_id sep_token_id "
    "decoder_start_token_id length_penalty early_stopping diversity_penalty "
    "remove_invalid_values initializer_range attention_dropout hidden_dropout embd_pdrop resid_pdrop "
    "classifier_dropout aux_loss_alpha router_aux_loss_coef seq_aux ep_size pretraining_tp tp_plan "
    "base_model_tp_plan max_window_layers head_dim n_group topk_group topk_method scoring_func norm_topk_prob "
    "routed_scaling_factor moe_layer_freq first_k_dense_replace n_shared_experts num_experts_per_tok "
    "moe_intermediate_size rope_theta unsloth_fixed unsloth_version model_name "
    "transformers.js_config kv_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim";

void ConfigParser::refuseUndone() {
  checkLayerTypes();
  for (const UndoneSetting &field : kUndoneFields) {
    if (keys.hasRead(field.key)) {
      continue;
    }
    if (Value value = keys.get(field.key); value && !isInert(value, field.inert)) {
      const char *supported = value.boolean() ? "false" : field.inert == 0 ? "null" : "1";
      keys.unsupported(field.key, "is " + quote(value) + ", which no part of " + modelConfig.modelType +
                                      " implements; the only supported value is " + supported);
    }
  }
  // Embedding models say so of attention that looks ahead.
  if (Value causal = keys.get("is_causal"); causal.boolean() == false) {
    keys.unsupported("is_causal", "is false, but the only supported value is true");
  }
  // Some configurations of transformers switch the indexer off so; released versions never look.
  if (modelConfig.indexer.topK > 0 && keys.get("use_sparse_attention").boolean() == false) {
    std::string dense = "\"index_topk\": " + std::to_string(modelConfig.maxPositions);
    keys.unsupported("use_sparse_attention", "is false, but the only supported value is true",
                     "for attention to all tokens, say " + dense + " in its place");
  }
}

/// Kinds of attention, layer by layer: all layers have that of the family, and each its own indexer.
void ConfigParser::checkLayerTypes() {
  bool sparse = modelConfig.indexer.topK > 0;
  requireOfEachLayer("layer_types", sparse ? "deepseek_sparse_attention" : "full_attention");
  if (sparse) {
    requireOfEachLayer("indexer_types", "full");
  }
}

void ConfigParser::requireOfEachLayer(llvm::StringRef key, llvm::StringRef supported) {
  for (Value type : keys.get(key).elements()) {
    if (type.string() != supported) {
      keys.unsupported(key, "holds " + quote(type) + ", but the only supported value is \"" + supported + "\"");
      return;
    }
  }
  requirePerLayer(key);
}

/// An architecture that is not the model type's: the weights or the file were made for another program.
void ConfigParser::compareArchitecture() {
  std::string expected = modelConfig.modelType + "forcausallm";
  expected.erase(std::remove(expected.begin(), expected.end(), '_'), expected.end());
  for (Value name : keys.get("architectures").elements()) {
    if (name.isString() && name.string().lower() != expected) {
      diagnostics.warning("two-architectures", file, name.where(),
                          "\"architectures\" says " + quote(name) + ", but \"model_type\" says \"" +
                              modelConfig.modelType + "\", which takes precedence");
    }
  }
}

void ConfigParser::warnOfUnread() { keys.warnOfUnread(kDescriptions, "no part of " + modelConfig.modelType); }

} // namespace fathom::huggingface

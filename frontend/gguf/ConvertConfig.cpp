// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/ConvertConfig.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

namespace fathom::gguf {

static constexpr Architecture kArchitectures[] = {
    {"llama", false, false, true},   {"qwen2", false, false, false},   {"qwen3", false, false, false},
    {"deepseek", false, true, true}, {"deepseek2", true, true, false},
};

const Architecture *findArchitecture(MetadataReader &metadata) {
  constexpr llvm::StringLiteral key = "general.architecture";
  std::optional<llvm::StringRef> name = metadata.string(key);
  const Architecture *found =
      llvm::find_if(kArchitectures, [&](const Architecture &known) { return name && *name == known.name; });
  if (found != std::end(kArchitectures)) {
    return found;
  }
  std::string names = llvm::join(llvm::map_range(kArchitectures, [](const Architecture &a) { return a.name; }), ", ");
  if (name) {
    metadata.unsupported(key, "is \"" + escape(*name, 80) + "\", expected one of " + names);
  } else if (!metadata.has(key)) {
    metadata.bad(key, "is missing");
  }
  return nullptr;
}

namespace {

enum class Kind : uint8_t { Integer, Real, Boolean };

/// A field of config.json and the key, behind the architecture's name, that says the same.
struct FieldName {
  const char *field;
  const char *key;
  Kind kind = Kind::Integer;
  /// What an absent key means; null: it is left out.
  const char *absent = nullptr;
};

/// A key that changes answers in a way that nothing here computes, unless it is absent or has this value.
struct UndoneKey {
  const char *key;
  double inert = 0;
};

} // namespace

static constexpr FieldName kCommonFields[] = {
    {"hidden_size", "embedding_length"},
    {"max_position_embeddings", "context_length"},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon", Kind::Real},
    {"intermediate_size", "feed_forward_length"},
    {"num_attention_heads", "attention.head_count"},
    {"num_key_value_heads", "attention.head_count_kv"},
    {"rope_theta", "rope.freq_base", Kind::Real, "10000"},
};

static constexpr FieldName kLatentFields[] = {
    {"q_lora_rank", "attention.q_lora_rank", Kind::Integer, "null"},
    {"kv_lora_rank", "attention.kv_lora_rank"},
    {"qk_rope_head_dim", "rope.dimension_count"},
};

static constexpr FieldName kExpertFields[] = {
    {"n_routed_experts", "expert_count"},
    {"n_shared_experts", "expert_shared_count", Kind::Integer, "0"},
    {"num_experts_per_tok", "expert_used_count"},
    {"moe_intermediate_size", "expert_feed_forward_length"},
    {"first_k_dense_replace", "leading_dense_block_count", Kind::Integer, "0"},
    {"n_group", "expert_group_count", Kind::Integer, "1"},
    {"topk_group", "expert_group_used_count", Kind::Integer, "1"},
    {"norm_topk_prob", "expert_weights_norm", Kind::Boolean, "false"},
    {"routed_scaling_factor", "expert_weights_scale", Kind::Real, "1"},
};

static constexpr UndoneKey kUndoneKeys[] = {
    {"attention.sliding_window"},    {"attention.clamp_kqv"},
    {"attention.max_alibi_bias"},    {"attention.scale"},
    {"attn_logit_softcapping"},      {"final_logit_softcapping"},
    {"attention.indexer.top_k"},     {"attention.temperature_length"},
    {"attention.temperature_scale"}, {"rope.scale_linear", 1},
    {"rope.scaling.attn_factor", 1}, {"logit_scale", 1},
    {"embedding_scale", 1},          {"residual_scale", 1},
    {"expert_group_scale", 1},       {"moe_every_n_layers"},
    {"interleave_moe_layer_step"},   {"swin_norm"},
};

/// Without experts, a key that says there are some.
static constexpr UndoneKey kUndoneExperts[] = {{"expert_count"}, {"expert_used_count"}};

/// What only describes, or what shapes of tensors say as well.
static constexpr const char *kDescriptions[] = {"vocab_size", "tensor_data_layout", "rope.scaling.finetuned"};

namespace {
class ConfigConverter {
public:
  ConfigConverter(MetadataReader &metadata, const Architecture &architecture, Diagnostics &diagnostics)
      : metadata(metadata), architecture(architecture), diagnostics(diagnostics) {}

  ConvertedConfig run();

private:
  std::string keyOf(llvm::StringRef suffix) const { return (architecture.name + llvm::Twine(".") + suffix).str(); }
  bool hasTensor(llvm::StringRef name) const {
    return llvm::any_of(metadata.getFile().tensors(), [&](const TensorEntry &entry) { return entry.name == name; });
  }
  void add(llvm::StringRef field, const llvm::Twine &value, llvm::StringRef suffix = {});
  void copy(const FieldName &name);
  void layers();
  void vocabulary();
  void ends();
  void biases();
  void headWidths();
  void latentWidths();
  void gate();
  void rope();
  void latentYarn();
  void refuse(const UndoneKey &undone);
  void refuseUndone();

  MetadataReader &metadata;
  const Architecture &architecture;
  Diagnostics &diagnostics;
  ConvertedConfig result;
  bool isSigmoid = false;
};
} // namespace

ConvertedConfig ConfigConverter::run() {
  size_t errorsBefore = diagnostics.errorCount();
  for (const FieldName &name : kCommonFields) {
    copy(name);
  }
  layers();
  vocabulary();
  ends();
  architecture.latentAttention ? latentWidths() : headWidths();
  if (architecture.experts) {
    gate();
  }
  biases();
  rope();
  refuseUndone();
  for (const char *key : kDescriptions) {
    metadata.passOver(keyOf(key));
  }
  if (diagnostics.errorCount() != errorsBefore) {
    return {};
  }
  std::string type = architecture.latentAttention ? isSigmoid ? "deepseek_v3" : "deepseek_v2" : architecture.name;
  result.text = "{" + result.text + "\n  \"model_type\": \"" + type + "\"\n}\n";
  result.heads = metadata.integer(keyOf("attention.head_count")).value_or(0);
  result.keyValueHeads = metadata.integer(keyOf("attention.head_count_kv")).value_or(result.heads);
  return std::move(result);
}

void ConfigConverter::add(llvm::StringRef field, const llvm::Twine &value, llvm::StringRef suffix) {
  result.text += ("\n  \"" + field + "\": " + value + ",").str();
  if (!suffix.empty()) {
    result.keys.emplace_back(field.str(), keyOf(suffix));
  }
}

void ConfigConverter::copy(const FieldName &name) {
  std::string key = keyOf(name.key);
  if (!metadata.has(key)) {
    result.keys.emplace_back(name.field, key);
    if (name.absent) {
      add(name.field, name.absent);
    }
    return;
  }
  if (name.kind == Kind::Integer) {
    if (std::optional<int64_t> number = metadata.integer(key)) {
      add(name.field, llvm::Twine(*number), name.key);
    }
  } else if (name.kind == Kind::Real) {
    if (std::optional<std::string> number = metadata.spellReal(key)) {
      add(name.field, *number, name.key);
    }
  } else if (std::optional<bool> flag = metadata.boolean(key)) {
    add(name.field, *flag ? "true" : "false", name.key);
  }
}

/// Layers that draft are counted as well.
void ConfigConverter::layers() {
  std::optional<int64_t> all = metadata.integer(keyOf("block_count"));
  int64_t drafts = metadata.integer(keyOf("nextn_predict_layers")).value_or(0);
  result.keys.emplace_back("num_hidden_layers", keyOf("block_count"));
  if (all && (drafts < 0 || drafts >= *all)) {
    metadata.bad(keyOf("nextn_predict_layers"),
                 "is " + llvm::Twine(drafts) + ", expected fewer than all " + llvm::Twine(*all) + " layers");
  } else if (all) {
    result.layers = *all - drafts;
    add("num_hidden_layers", llvm::Twine(result.layers));
  }
  if (drafts > 0) {
    diagnostics.note(
        "draft", "", keyOf("nextn_predict_layers"),
        "layers of multi-token prediction in GGUF files are not read; the model is compiled without a draft");
  }
}

/// The embedding says how many tokens there are: unused ones fill it up.
void ConfigConverter::vocabulary() {
  for (const TensorEntry &entry : metadata.getFile().tensors()) {
    if (entry.name == "token_embd.weight") {
      add("vocab_size", llvm::Twine(entry.shape.front()));
      return;
    }
  }
  metadata.bad("token_embd.weight", "the file has no such tensor", "pass the first file of a model in several");
}

/// A turn of a chat may end otherwise than a text.
void ConfigConverter::ends() {
  if (std::optional<int64_t> bos = metadata.integer("tokenizer.ggml.bos_token_id")) {
    add("bos_token_id", llvm::Twine(*bos));
  }
  std::string all;
  for (const char *key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (std::optional<int64_t> end = metadata.integer(key)) {
      all += (all.empty() ? "" : ", ") + std::to_string(*end);
    }
  }
  if (!all.empty()) {
    add("eos_token_id", "[" + all + "]");
  }
  add("tie_word_embeddings", hasTensor("output.weight") ? "false" : "true");
}

/// Only tensors say which projections have biases; those of Qwen2 always do.
void ConfigConverter::biases() {
  if (!architecture.latentAttention && llvm::StringRef(architecture.name) != "qwen2") {
    add("attention_bias", hasTensor("blk.0.attn_q.bias") ? "true" : "false");
  }
  if (llvm::StringRef(architecture.name) == "llama") {
    add("mlp_bias", hasTensor("blk.0.ffn_up.bias") ? "true" : "false");
  }
}

void ConfigConverter::headWidths() {
  std::optional<int64_t> key = metadata.integer(keyOf("attention.key_length"));
  std::optional<int64_t> value = metadata.integer(keyOf("attention.value_length"));
  int64_t heads = metadata.integer(keyOf("attention.head_count")).value_or(0);
  int64_t hidden = metadata.integer(keyOf("embedding_length")).value_or(0);
  int64_t width = key.value_or(heads > 0 ? hidden / heads : 0);
  int64_t rotated = metadata.integer(keyOf("rope.dimension_count")).value_or(width);
  if (width == 0) {
    return; // what is missing or 0 is reported as such
  }
  if (value.value_or(width) != width || rotated != width) {
    metadata.unsupported(keyOf("attention.key_length"), "keys have " + llvm::Twine(width) + " numbers, values " +
                                                            llvm::Twine(value.value_or(width)) +
                                                            ", and rotations are of " + llvm::Twine(rotated) +
                                                            ", but the only supported case is that all are equal");
  } else if (key || (heads > 0 && hidden % heads == 0)) {
    add("head_dim", llvm::Twine(width), "attention.key_length");
  }
}

/// With keys for what attention computes with latents, those for heads have a name of their own.
void ConfigConverter::latentWidths() {
  for (const FieldName &name : kLatentFields) {
    copy(name);
  }
  bool split = metadata.has(keyOf("attention.key_length_mla"));
  std::string suffix = split ? "_mla" : "";
  std::optional<int64_t> key = metadata.integer(keyOf("attention.key_length" + suffix));
  std::optional<int64_t> value = metadata.integer(keyOf("attention.value_length" + suffix));
  metadata.integer(keyOf("attention.key_length"));
  metadata.integer(keyOf("attention.value_length"));
  int64_t rotated = metadata.integer(keyOf("rope.dimension_count")).value_or(0);
  result.keys.emplace_back("qk_nope_head_dim", keyOf("attention.key_length" + suffix));
  result.keys.emplace_back("v_head_dim", keyOf("attention.value_length" + suffix));
  if (key && (*key <= rotated || *key > INT32_MAX)) {
    metadata.bad(keyOf("attention.key_length" + suffix),
                 "is " + llvm::Twine(*key) + ", expected more than the " + llvm::Twine(rotated) + " that rotate");
  } else if (key) {
    add("qk_nope_head_dim", llvm::Twine(*key - rotated));
  }
  if (value) {
    add("v_head_dim", llvm::Twine(*value));
  }
}

void ConfigConverter::gate() {
  for (const FieldName &name : kExpertFields) {
    copy(name);
  }
  if (!architecture.latentAttention) {
    refuse({"expert_weights_scale", 1});
  }
  int64_t function = metadata.integer(keyOf("expert_gating_func")).value_or(1);
  int64_t groups = metadata.integer(keyOf("expert_group_count")).value_or(1);
  isSigmoid = function == 2;
  if (function != 1 && !(isSigmoid && architecture.latentAttention)) {
    metadata.unsupported(keyOf("expert_gating_func"), "is " + llvm::Twine(function) +
                                                          ", but the only supported values are 1 (softmax)" +
                                                          (architecture.latentAttention ? " and 2 (sigmoid)" : ""));
    return;
  }
  add("scoring_func", isSigmoid ? "\"sigmoid\"" : "\"softmax\"");
  add("topk_method", isSigmoid ? "\"noaux_tc\"" : groups > 1 ? "\"group_limited_greedy\"" : "\"greedy\"");
}

void ConfigConverter::rope() {
  std::string key = keyOf("rope.scaling.type");
  llvm::StringRef type = metadata.string(key).value_or("none");
  if (type == "none") {
    return;
  }
  result.keys.emplace_back("rope_scaling.type", key);
  result.text += "\n  \"rope_scaling\": {";
  copy({"factor", "rope.scaling.factor", Kind::Real});
  if (type == "yarn") {
    copy({"original_max_position_embeddings", "rope.scaling.original_context_length"});
    copy({"beta_fast", "rope.scaling.yarn_beta_fast", Kind::Real, "32"});
    copy({"beta_slow", "rope.scaling.yarn_beta_slow", Kind::Real, "1"});
    if (architecture.latentAttention) {
      latentYarn();
    }
  }
  add("type", "\"" + escape(type, 80) + "\"");
  result.text.back() = '}';
  result.text += ',';
}

/// The multiplier of ln(factor) in the scale of the softmax; cos and sin have none.
void ConfigConverter::latentYarn() {
  double multiplier = metadata.real(keyOf("rope.scaling.yarn_log_multiplier")).value_or(0);
  if (multiplier == 0) {
    add("attention_factor", "1");
    return;
  }
  std::string scale = spell(static_cast<float>(10 * multiplier));
  add("mscale", scale, "rope.scaling.yarn_log_multiplier");
  add("mscale_all_dim", scale, "rope.scaling.yarn_log_multiplier");
}

void ConfigConverter::refuse(const UndoneKey &undone) {
  std::string key = keyOf(undone.key);
  std::optional<double> number = metadata.has(key) ? metadata.real(key) : std::nullopt;
  if (number && *number != undone.inert) {
    metadata.unsupported(key, "is " + spell(static_cast<float>(*number)) +
                                  ", which is not implemented for this architecture; the only supported value is " +
                                  spell(static_cast<float>(undone.inert)));
  }
}

void ConfigConverter::refuseUndone() {
  llvm::for_each(kUndoneKeys, [&](const UndoneKey &undone) { refuse(undone); });
  if (!architecture.experts) {
    llvm::for_each(kUndoneExperts, [&](const UndoneKey &undone) { refuse(undone); });
  }
  if (metadata.has(keyOf("attention.causal")) && metadata.boolean(keyOf("attention.causal")) == false) {
    metadata.unsupported(keyOf("attention.causal"), "is false, but the only supported value is true");
  }
}

ConvertedConfig convertConfig(MetadataReader &metadata, const Architecture &architecture, Diagnostics &diagnostics) {
  ConvertedConfig result = ConfigConverter(metadata, architecture, diagnostics).run();
  metadata.warnOfUnread(std::string(architecture.name) + ".");
  return result;
}

} // namespace fathom::gguf

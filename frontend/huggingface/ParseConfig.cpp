// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// config.json to ModelConfig: keys, types and ranges.

#include "frontend/huggingface/ConfigParser.h"

#include "frontend/checkpoint/Files.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace fathom::huggingface {

using checkpoint::Diagnostics;
using checkpoint::DType;
using checkpoint::Problem;
using checkpoint::json::Value;

void ConfigParser::run() {
  size_t errorsBefore = diagnostics.errorCount();
  if (!family()) {
    return;
  }
  notes();
  sizes();
  attention();
  routing();
  rope();
  activation();
  dtype();
  quantization();
  // Relations between fields that are wrong by themselves would only repeat the findings.
  if (diagnostics.errorCount() == errorsBefore) {
    checkAttention();
    checkRouting();
    checkTotals();
  }
}

bool ConfigParser::family() {
  if (!reader.string("model_type", config.modelType, Need::Required)) {
    return false;
  }
  config.family = findFamily(config.modelType);
  if (!config.family) {
    std::vector<std::string> supported;
    for (const Family &known : families()) {
      supported.push_back(known.modelType);
    }
    reader.unsupported("model_type", "is \"" + checkpoint::escape(config.modelType) + "\", supported are " +
                                         llvm::join(supported, ", "));
    return false;
  }
  config.latentNormEpsilon = config.family->latentNormEpsilon;
  reader.setOwner(config.modelType);
  return true;
}

void ConfigParser::notes() {
  for (llvm::StringRef key : {"auto_map", "trust_remote_code"}) {
    if (reader.get(key)) {
      diagnostics.note("remote-code", file, reader.get(key).where(),
                       "\"" + key + "\" is ignored: no code of a checkpoint is ever run");
    }
  }
}

void ConfigParser::sizes() {
  reader.integer("vocab_size", config.vocabulary, 1, maxVocabulary);
  reader.integer("hidden_size", config.hidden, 1, maxExtent);
  reader.integer("intermediate_size", config.denseWidth, 1, maxExtent);
  reader.integer("num_hidden_layers", config.layers, 1, maxLayers);
  reader.integer("num_nextn_predict_layers", config.mtpLayers, 0, 64, Need::Optional);
  reader.integer("max_position_embeddings", config.maxPositions, 1, maxPosition);
  reader.real("rms_norm_eps", config.rmsNormEpsilon, 1e-30, 1);
  reader.boolean("tie_word_embeddings", config.tiedEmbeddings);
  GenerationConfig &generation = config.generation;
  std::vector<int64_t> bos, pad;
  if (reader.tokens("bos_token_id", bos, maxVocabulary) && !bos.empty()) {
    generation.bosToken = bos.front();
  }
  if (reader.tokens("pad_token_id", pad, maxVocabulary) && !pad.empty()) {
    generation.padToken = pad.front();
  }
  reader.tokens("eos_token_id", generation.eosTokens, maxVocabulary);
}

void ConfigParser::attention() {
  AttentionConfig &a = config.attention;
  reader.integer("num_attention_heads", a.heads, 1, maxCount);
  reader.integer("kv_lora_rank", a.kvLoraRank, 1, maxExtent);
  reader.integer("qk_nope_head_dim", a.qkNopeHeadDim, 1, maxCount);
  reader.integer("qk_rope_head_dim", a.qkRopeHeadDim, 2, maxCount);
  reader.integer("v_head_dim", a.vHeadDim, 1, maxCount);
  // null says that queries have no latent; a file that says nothing may mean either.
  if (!root.find("q_lora_rank")) {
    reader.bad("q_lora_rank", "is missing, " + config.modelType + " needs it (null for none)");
  }
  reader.integer("q_lora_rank", a.qLoraRank, 1, maxExtent, Need::Optional);
  bool bias = false;
  if (reader.boolean("attention_bias", bias) && bias) {
    reader.unsupported("attention_bias", "is true, supported is false");
  }
}

void ConfigParser::routing() {
  RoutingConfig &r = config.routing;
  reader.integer("n_routed_experts", r.experts, 0, maxCount, Need::Optional);
  if (r.experts == 0) {
    if (!root.find("n_routed_experts")) {
      reader.bad("n_routed_experts", "is missing, " + config.modelType + " needs it (null for none)");
    }
    return;
  }
  reader.integer("n_shared_experts", r.sharedExperts, 0, maxCount, Need::Optional);
  reader.integer("num_experts_per_tok", r.expertsPerToken, 1, maxCount);
  reader.integer("moe_intermediate_size", r.expertWidth, 1, maxExtent);
  reader.integer("first_k_dense_replace", r.firstMoeLayer, 0, maxLayers);
  reader.integer("moe_layer_freq", r.layerFrequency, 1, maxLayers, Need::Optional);
  reader.real("routed_scaling_factor", r.scale, 1e-6, 1e6);
  reader.boolean("norm_topk_prob", r.normalise, Need::Required);
  routingMethod();
  // A method without groups ignores these, and they may be anything.
  if (r.groupScore != GroupScore::None) {
    reader.integer("n_group", r.groups, 1, maxCount);
    reader.integer("topk_group", r.topGroups, 1, maxCount);
  }
}

void ConfigParser::routingMethod() {
  const RoutingFact &usual = config.family->routings.front();
  std::string scoring = usual.scoring, method = usual.method;
  reader.string("scoring_func", scoring);
  reader.string("topk_method", method);
  llvm::SetVector<llvm::StringRef> scorings, methods;
  for (const RoutingFact &fact : config.family->routings) {
    scorings.insert(fact.scoring);
    methods.insert(fact.method);
    if (scoring == fact.scoring && method == fact.method) {
      config.routing.scoreFunction = fact.scoreFunction;
      config.routing.groupScore = fact.groupScore;
      config.routing.correctionBias = fact.correctionBias;
    }
  }
  if (!scorings.contains(scoring)) {
    reader.unsupported("scoring_func", "is \"" + checkpoint::escape(scoring) + "\", supported for " + config.modelType +
                                           ": " + llvm::join(scorings, ", "));
  }
  if (!methods.contains(method)) {
    reader.unsupported("topk_method", "is \"" + checkpoint::escape(method) + "\", supported for " + config.modelType +
                                          ": " + llvm::join(methods, ", "));
  }
  RoutingConfig &r = config.routing;
  if (r.normalise && config.family->normalisingReplacesScaling) {
    // With one expert a token, V2 scales instead.
    r.normalise = r.expertsPerToken > 1;
    r.scale = r.normalise ? 1 : r.scale;
  }
}

void ConfigParser::activation() {
  std::string act = "silu";
  if (reader.string("hidden_act", act) && act != "silu") {
    reader.unsupported("hidden_act", "is \"" + checkpoint::escape(act) + "\", supported is silu");
  }
}

void ConfigParser::dtype() {
  Value value = reader.getEither("dtype", "torch_dtype");
  if (!value) {
    return;
  }
  llvm::StringRef key = reader.get("dtype") ? "dtype" : "torch_dtype";
  if (!value.isString()) {
    reader.bad(key, "is " + quote(value) + ", expected a string");
  } else if (value.string() == "bfloat16") {
    config.dtype = DType::BF16;
  } else if (value.string() == "float32") {
    config.dtype = DType::F32;
  } else {
    bool half = value.string() == "float16";
    reader.unsupported(key, "is " + quote(value) + ", supported are bfloat16, float32",
                       half ? "float16 overflows in these models; convert the weights to bfloat16" : "");
  }
}

void ConfigParser::quantization() {
  Value object = reader.get("quantization_config");
  if (!object) {
    return;
  }
  if (!object.isObject()) {
    reader.bad("quantization_config", "is " + quote(object) + ", expected an object or null");
    return;
  }
  ConfigReader inner(object, file, "quantization_config.", config.modelType, diagnostics);
  auto expect = [&](llvm::StringRef key, llvm::StringRef supported, Need need) {
    std::string spelled;
    bool known = !inner.string(key, spelled, need) || spelled == supported;
    if (!known) {
      inner.unsupported(key, "is \"" + checkpoint::escape(spelled) + "\", supported is " + supported);
    }
    return known;
  };
  QuantizationConfig quantization;
  if (!expect("quant_method", "fp8", Need::Required)) {
    // Other methods have other keys.
    return;
  }
  expect("fmt", "e4m3", Need::Optional);
  expect("activation_scheme", "dynamic", Need::Optional);
  expect("scale_fmt", "ue8m0", Need::Optional);
  quantization.powerOfTwoScales = static_cast<bool>(inner.get("scale_fmt"));
  Value block = inner.get("weight_block_size", Need::Required);
  std::vector<std::optional<int64_t>> sizes;
  for (Value size : block.elements()) {
    sizes.push_back(size.integer());
  }
  if (block && (sizes.size() != 2 || !sizes[0] || !sizes[1])) {
    inner.bad("weight_block_size", "is " + quote(block) + ", expected two integers");
  } else if (block && (*sizes[0] != 128 || *sizes[1] != 128)) {
    inner.unsupported("weight_block_size",
                      "is [" + llvm::Twine(*sizes[0]) + ", " + llvm::Twine(*sizes[1]) + "], supported is [128, 128]");
  }
  config.quantization = quantization;
}

bool parseObject(checkpoint::json::Document &document, llvm::StringRef text, llvm::StringRef file,
                 Diagnostics &diagnostics) {
  checkpoint::json::SyntaxError error;
  if (!document.parse(text, error)) {
    diagnostics.error(Problem::BadInput, "bad-json", file, error.where(), error.message, checkpoint::recognise(text));
    return false;
  }
  if (!document.root().isObject()) {
    diagnostics.error(Problem::BadInput, "bad-config", file, document.root().where(),
                      "expected an object, found " + describe(document.root().kind()));
    return false;
  }
  return true;
}

ModelConfig parseModelConfig(llvm::StringRef text, llvm::StringRef file, Diagnostics &diagnostics) {
  ModelConfig config;
  checkpoint::json::Document document;
  if (parseObject(document, text, file, diagnostics)) {
    ConfigParser(document.root(), file, config, diagnostics).run();
  }
  return config;
}

} // namespace fathom::huggingface

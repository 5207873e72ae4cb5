// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention, of which multi-head attention is the case of as many key/value heads as heads; a layer
// stores the keys, rotated, and the values of a token. With it, what some families add: biases and norms of heads.

#include "frontend/huggingface/ConfigParser.h"
#include "frontend/huggingface/LayerBuilder.h"

using namespace mlir;

namespace fathom::huggingface {

using C = const ModelConfig &;

static int64_t hidden(C c) { return c.hidden; }
static int64_t headDim(C c) { return c.gqa.headDim; }
static int64_t queries(C c) { return c.attention.heads * c.gqa.headDim; }
static int64_t keys(C c) { return c.gqa.keyValueHeads * c.gqa.headDim; }
static bool hasBias(C c) { return c.gqa.bias; }

static constexpr Field kFields[] = {
    {"num_attention_heads", at<&ModelConfig::attention, &AttentionConfig::heads>, Need::Required, 1, kMaxCount},
    {"num_key_value_heads", at<&ModelConfig::gqa, &GqaConfig::keyValueHeads>, Need::Optional, 1, kMaxCount},
    {"head_dim", at<&ModelConfig::gqa, &GqaConfig::headDim>, Need::Optional, 1, kMaxCount},
};

static constexpr TensorFact kTensors[] = {
    {"input_layernorm.weight", Role::Norm, hidden},
    {"self_attn.q_proj.weight", Role::Projection, queries, hidden},
    {"self_attn.k_proj.weight", Role::Projection, keys, hidden},
    {"self_attn.v_proj.weight", Role::Projection, keys, hidden},
    {"self_attn.o_proj.weight", Role::Projection, hidden, queries},
};

/// A window is on where its switch says so or, in files without the switch, where it has a size; unless that is null,
/// or the kind of each layer is listed: what lists hold besides full attention is refused where all families' lists
/// are.
static void refuseWindows(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  checkpoint::json::Value window = reader.get("sliding_window");
  bool on = false, switched = reader.boolean("use_sliding_window", on);
  on = switched ? on : window && !parser.config().family->windowsHaveSwitch;
  bool listed = reader.get("layer_types").size() >= static_cast<size_t>(parser.config().layers);
  if (!on || listed || reader.isNull("sliding_window")) {
    return;
  }
  if (switched) {
    reader.unsupported("use_sliding_window", "is true, but the only supported value is false");
  } else {
    reader.unsupported("sliding_window", "is " + quote(window) + ", but the only supported value is null");
  }
}

static void parse(ConfigParser &parser) {
  ModelConfig &config = parser.config();
  GqaConfig &gqa = config.gqa;
  int64_t heads = config.attention.heads;
  gqa.keyValueHeads = gqa.keyValueHeads == 0 ? heads : gqa.keyValueHeads;
  gqa.headDim = gqa.headDim == 0 ? config.family->headDim : gqa.headDim;
  if (gqa.headDim == 0 && heads > 0) {
    gqa.headDim = config.hidden / heads;
    parser.require(config.hidden % heads == 0, "\"head_dim\" is not given, and \"num_attention_heads\" (" +
                                                   llvm::Twine(heads) + ") does not divide \"hidden_size\" (" +
                                                   llvm::Twine(config.hidden) + ")");
  }
  config.rope.width = config.attention.keyWidth = gqa.headDim;
  refuseWindows(parser);
}

static void check(ConfigParser &parser) {
  const ModelConfig &config = parser.config();
  int64_t heads = config.attention.heads, groups = config.gqa.keyValueHeads, width = config.gqa.headDim;
  parser.require(heads % groups == 0, "\"num_key_value_heads\" (" + llvm::Twine(groups) +
                                          ") does not divide \"num_attention_heads\" (" + llvm::Twine(heads) + ")");
  parser.require(width >= 2 && width % 2 == 0,
                 "\"head_dim\" is " + llvm::Twine(width) + ", but rotary embedding needs an even number");
}

static SmallVector<Store> stores(C c) {
  const GqaConfig &gqa = c.gqa;
  return {{deepseek::kKeyStore, gqa.keyValueHeads, gqa.headDim},
          {deepseek::kValueStore, gqa.keyValueHeads, gqa.headDim}};
}

static Value build(LayerBuilder &b, Value input) {
  C c = b.config();
  // Norms of heads are there where the family has them.
  auto project = [&](StringRef name) {
    Value heads = b.linear(input, ("self_attn." + name + "_proj").str());
    std::string norm = ("self_attn." + name + "_norm").str();
    return b.weight(norm) ? b.norm(heads, norm, c.rmsNormEpsilon) : heads;
  };
  Value query = b.rotate(project("q"));
  Value key = b.rotate(project("k"));
  Value value = project("v");
  b.store(deepseek::kKeyStore, key);
  b.store(deepseek::kValueStore, value);
  Value attended = deepseek::GqaAttentionOp::create(b.ops(), b.loc(), b.activation(queries(c)), query, b.cache(),
                                                    b.layer(), b.positions(), c.attention.heads, c.gqa.keyValueHeads,
                                                    c.gqa.headDim, llvm::APFloat(c.softmaxScale()), IntegerAttr());
  return b.linear(attended, "self_attn.o_proj");
}

const Part gqa = {"gqa", Scope::EveryLayer, kFields, parse, check, kTensors, stores, build, "input_layernorm"};

static constexpr TensorFact kQkvBiasTensors[] = {
    {"self_attn.q_proj.bias", Role::Bias, queries},
    {"self_attn.k_proj.bias", Role::Bias, keys},
    {"self_attn.v_proj.bias", Role::Bias, keys},
};

const Part qkvBias = {"qkvBias", Scope::EveryLayer, {}, nullptr, nullptr, kQkvBiasTensors};

static constexpr Field kAttentionBiasFields[] = {
    {"attention_bias", at<&ModelConfig::gqa, &GqaConfig::bias>, Need::Optional},
};

static constexpr TensorFact kAttentionBiasTensors[] = {
    {"self_attn.q_proj.bias", Role::Bias, queries, nullptr, hasBias},
    {"self_attn.k_proj.bias", Role::Bias, keys, nullptr, hasBias},
    {"self_attn.v_proj.bias", Role::Bias, keys, nullptr, hasBias},
    {"self_attn.o_proj.bias", Role::Bias, hidden, nullptr, hasBias},
};

const Part attentionBias = {"attentionBias", Scope::EveryLayer, kAttentionBiasFields,
                            nullptr,         nullptr,           kAttentionBiasTensors};

static constexpr TensorFact kQkNormTensors[] = {
    {"self_attn.q_norm.weight", Role::Norm, headDim},
    {"self_attn.k_norm.weight", Role::Norm, headDim},
};

const Part qkNorm = {"qkNorm", Scope::EveryLayer, {}, nullptr, nullptr, kQkNormTensors};

} // namespace fathom::huggingface

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-head latent attention: queries and keys through narrow latents; a layer stores a token's key/value latent and
// one rotated key that all heads share.

#include "frontend/huggingface/ConfigParser.h"
#include "frontend/huggingface/parts/Indexer.h"

using namespace mlir;

namespace fathom::huggingface {

using C = const ModelConfig &;

static int64_t hidden(C c) { return c.hidden; }
static int64_t queryRank(C c) { return c.mla.qLoraRank; }
static int64_t latentRank(C c) { return c.mla.kvLoraRank; }
static int64_t latentAndRope(C c) { return c.mla.kvLoraRank + c.mla.qkRopeHeadDim; }
static int64_t queryHeads(C c) { return c.attention.heads * (c.mla.qkNopeHeadDim + c.mla.qkRopeHeadDim); }
static int64_t keyValueHeads(C c) { return c.attention.heads * (c.mla.qkNopeHeadDim + c.mla.vHeadDim); }
static int64_t valueHeads(C c) { return c.attention.heads * c.mla.vHeadDim; }
static bool hasQueryLatent(C c) { return c.mla.qLoraRank > 0; }
static bool hasNoQueryLatent(C c) { return c.mla.qLoraRank == 0; }

/// Of the norms on the latents, whatever rms_norm_eps says.
static constexpr double kLatentNormEpsilon = 1e-6;

static constexpr Field kFields[] = {
    {"num_attention_heads", at<&ModelConfig::attention, &AttentionConfig::heads>, Need::Required, 1, kMaxCount},
    {"q_lora_rank", at<&ModelConfig::mla, &MlaConfig::qLoraRank>, Need::Nullable, 1, kMaxExtent},
    {"kv_lora_rank", at<&ModelConfig::mla, &MlaConfig::kvLoraRank>, Need::Required, 1, kMaxExtent},
    {"qk_nope_head_dim", at<&ModelConfig::mla, &MlaConfig::qkNopeHeadDim>, Need::Required, 1, kMaxCount},
    {"qk_rope_head_dim", at<&ModelConfig::mla, &MlaConfig::qkRopeHeadDim>, Need::Required, 2, kMaxCount},
    {"v_head_dim", at<&ModelConfig::mla, &MlaConfig::vHeadDim>, Need::Required, 1, kMaxCount},
    {"rope_interleave", at<&ModelConfig::rope, &RopeConfig::interleaved>, Need::Optional},
};

static constexpr TensorFact kTensors[] = {
    {"input_layernorm.weight", Role::Norm, hidden},
    {"self_attn.q_proj.weight", Role::Projection, queryHeads, hidden, hasNoQueryLatent},
    {"self_attn.q_a_proj.weight", Role::Projection, queryRank, hidden, hasQueryLatent},
    {"self_attn.q_a_layernorm.weight", Role::Norm, queryRank, nullptr, hasQueryLatent},
    {"self_attn.q_b_proj.weight", Role::Projection, queryHeads, queryRank, hasQueryLatent},
    {"self_attn.kv_a_proj_with_mqa.weight", Role::Projection, latentAndRope, hidden},
    {"self_attn.kv_a_layernorm.weight", Role::Norm, latentRank},
    {"self_attn.kv_b_proj.weight", Role::Projection, keyValueHeads, latentRank},
    {"self_attn.o_proj.weight", Role::Projection, hidden, valueHeads},
};

/// What a file may say beside this attention, and what is done: models whose model_type is the same and that are not.
static constexpr std::pair<const char *, bool> kSwitches[] = {
    {"attention_bias", false}, {"mlp_bias", false}, {"use_mla", true}};

static void refuseSwitches(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  for (auto [key, supported] : kSwitches) {
    bool value = supported;
    if (reader.boolean(key, value) && value != supported) {
      reader.unsupported(key, supported ? "is false, but the only supported value is true"
                                        : "is true, but the only supported value is false");
    }
  }
}

static void parse(ConfigParser &parser) {
  ModelConfig &config = parser.config();
  config.rope.width = config.mla.qkRopeHeadDim;
  config.attention.keyWidth = config.mla.qkNopeHeadDim + config.mla.qkRopeHeadDim;
  config.attention.yarnSharpens = true;
  refuseSwitches(parser);
}

static void check(ConfigParser &parser) {
  const ModelConfig &config = parser.config();
  int64_t heads = config.attention.heads, rope = config.mla.qkRopeHeadDim, sum = config.attention.keyWidth, other = 0;
  parser.require(rope % 2 == 0,
                 "\"qk_rope_head_dim\" is " + llvm::Twine(rope) + ", but rotary embedding needs an even number");
  // Files give any number of key and value heads; latent attention has none.
  parser.reader().integer("num_key_value_heads", other, 1, kMaxCount, Need::Optional);
  if (parser.reader().integer("qk_head_dim", other, 1, kMaxExtent, Need::Optional)) {
    parser.require(other == sum, "\"qk_head_dim\" (" + llvm::Twine(other) +
                                     ") must be \"qk_nope_head_dim\" + \"qk_rope_head_dim\" (" + llvm::Twine(sum) +
                                     ")");
  }
  // Decode multiplies queries with latents: a row for each head.
  parser.requireRow(heads * (config.mla.kvLoraRank + rope));
}

static SmallVector<Store> stores(C c) {
  return {{deepseek::kLatentStore, 1, latentAndRope(c), /*tail=*/c.mla.qkRopeHeadDim}};
}

/// The normed query latent; null where queries are projected directly.
static Value buildQueryLatent(LayerBuilder &builder, Value input) {
  if (!hasQueryLatent(builder.config())) {
    return Value();
  }
  return builder.norm(builder.linear(input, "self_attn.q_a_proj"), "self_attn.q_a_layernorm", kLatentNormEpsilon);
}

/// Attends with the queries `q` to all positions, or to those that the indexer chooses where there is one.
static Value attend(LayerBuilder &b, Value q, Value input, Value queryLatent) {
  int64_t heads = b.config().attention.heads;
  const MlaConfig &shape = b.config().mla;
  const IndexerConfig &indexer = b.config().indexer;
  Type type = b.activation(heads * shape.vHeadDim);
  llvm::APFloat softmaxScale(b.config().softmaxScale());
  Value scale = b.weight("self_attn.kv_b_proj_scale_inv");
  Value matrix = b.weight("self_attn.kv_b_proj");
  if (indexer.topK == 0) {
    return deepseek::MlaAttentionOp::create(b.ops(), b.loc(), type, q, b.cache(), b.layer(), matrix, scale,
                                            b.ropeTable(), b.positions(), b.block(scale), heads, shape.qkNopeHeadDim,
                                            shape.qkRopeHeadDim, shape.vHeadDim, softmaxScale, b.ropeLayout());
  }
  IndexQuery index = buildIndexer(b, input, queryLatent);
  int64_t topK = std::min(indexer.topK, b.config().maxPositions);
  return deepseek::SparseAttentionOp::create(b.ops(), b.loc(), type, q, b.cache(), b.layer(), matrix, scale,
                                             b.ropeTable(), index.query, index.weights, b.positions(), b.block(scale),
                                             heads, shape.qkNopeHeadDim, shape.qkRopeHeadDim, shape.vHeadDim,
                                             softmaxScale, indexer.heads, indexer.headDim, topK, b.ropeLayout());
}

static Value build(LayerBuilder &b, Value input) {
  const MlaConfig &shape = b.config().mla;
  Value queryLatent = buildQueryLatent(b, input);
  Value q = queryLatent ? b.linear(queryLatent, "self_attn.q_b_proj") : b.linear(input, "self_attn.q_proj");
  Value kv = b.linear(input, "self_attn.kv_a_proj_with_mqa");
  Value latent = b.norm(b.columns(kv, 0, shape.kvLoraRank), "self_attn.kv_a_layernorm", kLatentNormEpsilon);
  Value key = b.rotate(b.columns(kv, shape.kvLoraRank, shape.qkRopeHeadDim));
  b.store(deepseek::kLatentStore, {latent, key});
  return b.linear(attend(b, q, input, queryLatent), "self_attn.o_proj");
}

const Part mla = {"mla", Scope::EveryLayer, kFields, parse, check, kTensors, stores, build, "input_layernorm"};

} // namespace fathom::huggingface

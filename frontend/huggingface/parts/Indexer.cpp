// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The indexer of DeepSeek sparse attention: a narrow attention of its own that scores all positions, of which the best
// few are attended to. A layer stores a token's index key, which all index heads share. It has no residual block:
// latent attention, whose query latent it reads, builds it.

#include "frontend/huggingface/parts/Indexer.h"

#include "frontend/huggingface/ConfigParser.h"

using namespace mlir;

namespace fathom::huggingface {

using C = const ModelConfig &;

static int64_t hidden(C c) { return c.hidden; }
static int64_t queryRank(C c) { return c.mla.qLoraRank; }
static int64_t heads(C c) { return c.indexer.heads; }
static int64_t headDim(C c) { return c.indexer.headDim; }
static int64_t queries(C c) { return c.indexer.heads * c.indexer.headDim; }

/// Of the norm on keys, whatever rms_norm_eps says.
static constexpr double kKeyNormEpsilon = 1e-6;

static constexpr Field kFields[] = {
    {"index_n_heads", at<&ModelConfig::indexer, &IndexerConfig::heads>, Need::Defaulted, 1, kMaxCount},
    {"index_head_dim", at<&ModelConfig::indexer, &IndexerConfig::headDim>, Need::Defaulted, 1, kMaxCount},
    {"index_topk", at<&ModelConfig::indexer, &IndexerConfig::topK>, Need::Defaulted, 1, kMaxPosition},
    {"indexer_rope_interleave", at<&ModelConfig::indexer, &IndexerConfig::interleaved>, Need::Optional},
};

/// Released FP8 checkpoints have the weights of heads as bf16.
static constexpr TensorFact kTensors[] = {
    {"self_attn.indexer.wq_b.weight", Role::Projection, queries, queryRank},
    {"self_attn.indexer.wk.weight", Role::Projection, headDim, hidden},
    {"self_attn.indexer.k_norm.weight", Role::Norm, headDim},
    {"self_attn.indexer.k_norm.bias", Role::Bias, headDim},
    {"self_attn.indexer.weights_proj.weight", Role::PlainProjection, heads, hidden},
};

static void check(ConfigParser &parser) {
  const ModelConfig &config = parser.config();
  int64_t rope = config.mla.qkRopeHeadDim, width = config.indexer.headDim;
  parser.require(rope <= width, "\"qk_rope_head_dim\" (" + llvm::Twine(rope) + ") is more than \"index_head_dim\" (" +
                                    llvm::Twine(width) + "), of which it rotates the first numbers");
  parser.require(config.mla.qLoraRank > 0,
                 "\"q_lora_rank\" is null, but index queries are projected from query latents");
  // One that chooses all positions is none, whatever it says.
  if (std::min(config.indexer.topK, config.maxPositions) > kMaxExtent) {
    parser.reader().unsupported("index_topk", "is " + llvm::Twine(config.indexer.topK) + " of " +
                                                  llvm::Twine(config.maxPositions) +
                                                  " positions; at most 1048576 can be chosen of more");
  }
}

static SmallVector<Store> stores(C c) { return {{deepseek::kIndexStore, 1, c.indexer.headDim}}; }

IndexQuery buildIndexer(LayerBuilder &b, Value input, Value queryLatent) {
  const IndexerConfig &shape = b.config().indexer;
  auto cache = cast<deepseek::CacheType>(b.cache().getType());
  bool spreads = cache.findStore(deepseek::kIndexStore).isF8() && llvm::isPowerOf2_64(uint64_t(shape.headDim));
  // Where keys are FP8, queries and keys are spread over their heads, which changes their products by rounding alone.
  auto finish = [&](Value heads) {
    Value turned = b.rotateFirst(heads, shape.headDim, shape.interleaved);
    return spreads ? deepseek::HadamardOp::create(b.ops(), b.loc(), turned.getType(), turned, shape.headDim).getResult()
                   : turned;
  };
  Value query = finish(b.linear(queryLatent, "self_attn.indexer.wq_b"));
  Value key = b.layerNorm(b.linear(input, "self_attn.indexer.wk"), "self_attn.indexer.k_norm", kKeyNormEpsilon);
  b.store(deepseek::kIndexStore, finish(key));
  return {query, b.linear(input, "self_attn.indexer.weights_proj")};
}

const Part indexer = {"indexer", Scope::EveryLayer, kFields, nullptr, check, kTensors, stores};

} // namespace fathom::huggingface

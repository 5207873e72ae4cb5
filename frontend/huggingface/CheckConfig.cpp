// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Relations between the fields of config.json.

#include "frontend/huggingface/ConfigParser.h"

#include <algorithm>

namespace fathom::huggingface {

using checkpoint::Problem;

void ConfigParser::require(bool holds, const llvm::Twine &relation) {
  if (!holds) {
    diagnostics.error(Problem::BadInput, "inconsistent-config", file, "", relation);
  }
}

void ConfigParser::checkAttention() {
  const AttentionConfig &a = config.attention;
  require(a.qkRopeHeadDim % 2 == 0,
          "\"qk_rope_head_dim\" is " + llvm::Twine(a.qkRopeHeadDim) + ", but rotary embedding needs an even number");
  int64_t other = a.heads;
  if (reader.integer("num_key_value_heads", other, 1, maxCount, Need::Optional)) {
    require(other == a.heads, "\"num_key_value_heads\" (" + llvm::Twine(other) +
                                  ") must equal \"num_attention_heads\" (" + llvm::Twine(a.heads) +
                                  "): latent attention has no key/value heads of its own");
  }
  int64_t sum = a.qkNopeHeadDim + a.qkRopeHeadDim;
  if (reader.integer("qk_head_dim", other, 1, maxExtent, Need::Optional)) {
    require(other == sum, "\"qk_head_dim\" (" + llvm::Twine(other) +
                              ") must be \"qk_nope_head_dim\" + \"qk_rope_head_dim\" (" + llvm::Twine(sum) + ")");
  }
  require(config.routing.firstMoeLayer <= config.layers,
          "\"first_k_dense_replace\" (" + llvm::Twine(config.routing.firstMoeLayer) +
              ") is more than \"num_hidden_layers\" (" + llvm::Twine(config.layers) + ")");
  const GenerationConfig &g = config.generation;
  std::vector<int64_t> tokens = g.eosTokens;
  tokens.push_back(g.bosToken.value_or(0));
  tokens.push_back(g.padToken.value_or(0));
  for (int64_t token : tokens) {
    require(token < config.vocabulary,
            "token id " + llvm::Twine(token) + " is not below \"vocab_size\" (" + llvm::Twine(config.vocabulary) + ")");
  }
}

void ConfigParser::checkRouting() {
  const RoutingConfig &r = config.routing;
  if (r.experts == 0) {
    return;
  }
  require(r.expertsPerToken <= r.experts, "\"num_experts_per_tok\" (" + llvm::Twine(r.expertsPerToken) +
                                              ") is more than \"n_routed_experts\" (" + llvm::Twine(r.experts) + ")");
  if (r.groupScore == GroupScore::None) {
    return;
  }
  require(r.topGroups <= r.groups,
          "\"topk_group\" (" + llvm::Twine(r.topGroups) + ") is more than \"n_group\" (" + llvm::Twine(r.groups) + ")");
  require(r.experts % r.groups == 0, "\"n_group\" (" + llvm::Twine(r.groups) +
                                         ") does not divide \"n_routed_experts\" (" + llvm::Twine(r.experts) + ")");
  int64_t groupSize = r.experts / r.groups, reachable = groupSize * r.topGroups;
  require(r.expertsPerToken <= reachable || r.expertsPerToken > r.experts || r.topGroups > r.groups,
          "\"num_experts_per_tok\" (" + llvm::Twine(r.expertsPerToken) + ") is more than the " +
              llvm::Twine(reachable) + " experts in \"topk_group\" (" + llvm::Twine(r.topGroups) + ") groups");
  require(r.groupScore != GroupScore::SumOfTopTwo || groupSize >= 2,
          "groups of \"n_routed_experts\" / \"n_group\" = " + llvm::Twine(groupSize) +
              " experts cannot be ranked by their best two");
}

void ConfigParser::checkTotals() {
  std::optional<int64_t> elements = countElements(config);
  int64_t bytes = 0, cache = 0;
  bool fits = elements && !__builtin_mul_overflow(*elements, 4, &bytes);
  require(fits, "these sizes imply more than 2^63 bytes of weights");
  int64_t width = 4 * (config.attention.kvLoraRank + config.attention.qkRopeHeadDim) * config.layers;
  require(!__builtin_mul_overflow(width, config.maxPositions, &cache),
          "these sizes imply more than 2^63 bytes of latent cache");
  checkRows();
}

/// What a module can say: rows of less than 2^31 numbers, weights of at most 2^40, of which gate and up become one with
/// rows padded to whole panels.
void ConfigParser::checkRows() {
  const AttentionConfig &a = config.attention;
  // The bounds of each size keep these products far below 2^63.
  int64_t longest = a.heads * (a.kvLoraRank + a.qkRopeHeadDim), largest = 0;
  for (const TensorFact &fact : config.family->tensors) {
    std::vector<int64_t> shape = shapeOf(fact, config);
    int64_t elements = 2 * (shape.front() + 31) * (shape.size() > 1 ? shape.back() : 1);
    largest = std::max(largest, elements * (fact.perExpert ? config.routing.experts : 1));
    longest = std::max({longest, shape.front(), shape.back()});
  }
  require(longest <= INT32_MAX, "these sizes imply rows of " + llvm::Twine(longest) +
                                    " numbers; supported are fewer than 2^31, heads together");
  require(largest <= int64_t(1) << 40,
          "these sizes imply a weight of " + llvm::Twine(largest) + " numbers; supported are at most 2^40");
}

} // namespace fathom::huggingface

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mixture of experts: a router chooses some of many small feed-forward networks; shared experts always run, as one
// network of their widths together.

#include "frontend/huggingface/ConfigParser.h"
#include "frontend/huggingface/LayerBuilder.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace fathom::huggingface {

namespace json = checkpoint::json;

using C = const ModelConfig &;

static int64_t hidden(C c) { return c.hidden; }
static int64_t count(C c) { return c.routing.experts; }
static int64_t width(C c) { return c.routing.expertWidth; }
static int64_t sharedWidth(C c) { return c.routing.sharedExperts * c.routing.expertWidth; }
static bool hasShared(C c) { return c.routing.sharedExperts > 0; }
static bool hasCorrectionBias(C c) { return c.routing.correctionBias; }

static bool routes(C c) { return c.routing.experts > 0; }

template <auto Member>
constexpr auto kRouting = at<&ModelConfig::routing, Member>;

static constexpr Field kFields[] = {
    {"n_routed_experts", kRouting<&RoutingConfig::experts>, Need::Nullable, 0, kMaxCount},
    {"n_shared_experts", kRouting<&RoutingConfig::sharedExperts>, Need::Optional, 0, kMaxCount, routes},
    {"num_experts_per_tok", kRouting<&RoutingConfig::expertsPerToken>, Need::Defaulted, 1, kMaxCount, routes},
    {"moe_intermediate_size", kRouting<&RoutingConfig::expertWidth>, Need::Required, 1, kMaxExtent, routes},
    {"first_k_dense_replace", kRouting<&RoutingConfig::firstMoeLayer>, Need::Optional, 0, kMaxLayers, routes},
    {"moe_layer_freq", kRouting<&RoutingConfig::layerFrequency>, Need::Optional, 1, kMaxLayers, routes},
    {"norm_topk_prob", kRouting<&RoutingConfig::normalize>, Need::Defaulted, 0, 0, routes},
};

/// Of a method with groups; one without ignores them, and they may be anything.
static constexpr Field kGroupFields[] = {
    {"n_group", kRouting<&RoutingConfig::groups>, Need::Defaulted, 1, kMaxCount},
    {"topk_group", kRouting<&RoutingConfig::topGroups>, Need::Defaulted, 1, kMaxCount},
};

// Stacked by transformers from version 5 on, and by MLX.
static constexpr ExpertStack kGateStacks[] = {{"mlp.experts.gate_up_proj", 2, 0}, {"mlp.switch_mlp.gate_proj"}};
static constexpr ExpertStack kUpStacks[] = {{"mlp.experts.gate_up_proj", 2, 1}, {"mlp.switch_mlp.up_proj"}};
static constexpr ExpertStack kDownStacks[] = {{"mlp.experts.down_proj"}, {"mlp.switch_mlp.down_proj"}};

static constexpr TensorFact kTensors[] = {
    {"post_attention_layernorm.weight", Role::Norm, hidden},
    {"mlp.gate.weight", Role::Router, count, hidden},
    {"mlp.gate.e_score_correction_bias", Role::CorrectionBias, count, nullptr, hasCorrectionBias},
    {"mlp.experts.{expert}.gate_proj.weight", Role::Projection, width, hidden, nullptr, nullptr, kGateStacks},
    {"mlp.experts.{expert}.up_proj.weight", Role::Projection, width, hidden, nullptr, nullptr, kUpStacks},
    {"mlp.experts.{expert}.down_proj.weight", Role::Projection, hidden, width, nullptr, nullptr, kDownStacks},
    {"mlp.shared_experts.gate_proj.weight", Role::Projection, sharedWidth, hidden, hasShared},
    {"mlp.shared_experts.up_proj.weight", Role::Projection, sharedWidth, hidden, hasShared},
    {"mlp.shared_experts.down_proj.weight", Role::Projection, hidden, sharedWidth, hasShared},
};

/// How a gate scores, groups and chooses: one of the family's combinations, the first where the file names none.
static void parseMethod(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  ModelConfig &config = parser.config();
  llvm::ArrayRef<RoutingFact> known = config.family->routing.methods;
  std::string scoring = known.front().scoring, method = known.front().method;
  reader.string("scoring_func", scoring);
  reader.string("topk_method", method);
  llvm::SetVector<llvm::StringRef> scorings, methods;
  for (const RoutingFact &fact : known) {
    scorings.insert(fact.scoring);
    methods.insert(fact.method);
    if (scoring == fact.scoring && method == fact.method) {
      config.routing.scoreFunction = fact.scoreFunction;
      config.routing.groupScore = fact.groupScore;
      config.routing.correctionBias = fact.correctionBias;
    }
  }
  auto expectOneOf = [&](const char *key, llvm::StringRef value, const llvm::SetVector<llvm::StringRef> &supported) {
    if (!supported.contains(value)) {
      reader.unsupported(key, "is \"" + escape(value) + "\", supported for " + config.modelType + ": " +
                                  llvm::join(supported, ", "));
    }
  };
  expectOneOf("scoring_func", scoring, scorings);
  expectOneOf("topk_method", method, methods);
}

/// Newer files say layer by layer only which are dense; "first_k_dense_replace" takes precedence.
static void parseDenseLayers(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  ModelConfig &config = parser.config();
  json::Value types = reader.get("mlp_layer_types");
  if (types.size() == 0) {
    reader.get("first_k_dense_replace", Need::Required);
  } else if (!reader.get("first_k_dense_replace")) {
    int64_t dense = 0;
    for (json::Value type : types.elements()) {
      if (type.string() != "dense") {
        break;
      }
      ++dense;
    }
    config.routing.firstMoeLayer = std::min(dense, config.layers);
  }
}

static void parse(ConfigParser &parser) {
  RoutingConfig &r = parser.config().routing;
  const RoutingRules &rules = parser.config().family->routing;
  if (!routes(parser.config())) {
    return;
  }
  parser.read(Field{"routed_scaling_factor", kRouting<&RoutingConfig::scale>, rules.scale, 1e-6, 1e6});
  parseDenseLayers(parser);
  parseMethod(parser);
  if (r.groupScore != GroupScore::None) {
    parser.read(kGroupFields);
  }
  if (rules.normalization != Normalization::Plain) {
    r.normalize = r.normalize && r.expertsPerToken > 1;
  }
  if (rules.normalization == Normalization::OfSeveralUnscaled && r.normalize) {
    r.scale = 1;
  }
}

static void checkGroups(ConfigParser &parser) {
  const RoutingConfig &r = parser.config().routing;
  parser.require(r.topGroups <= r.groups, "\"topk_group\" (" + llvm::Twine(r.topGroups) +
                                              ") is more than \"n_group\" (" + llvm::Twine(r.groups) + ")");
  parser.require(r.experts % r.groups == 0, "\"n_group\" (" + llvm::Twine(r.groups) +
                                                ") does not divide \"n_routed_experts\" (" + llvm::Twine(r.experts) +
                                                ")");
  int64_t groupSize = r.experts / r.groups, reachable = groupSize * r.topGroups;
  parser.require(r.expertsPerToken <= reachable || r.expertsPerToken > r.experts || r.topGroups > r.groups,
                 "\"num_experts_per_tok\" (" + llvm::Twine(r.expertsPerToken) + ") is more than the " +
                     llvm::Twine(reachable) + " experts in \"topk_group\" (" + llvm::Twine(r.topGroups) + ") groups");
  parser.require(r.groupScore != GroupScore::Top2Sum || groupSize >= 2,
                 "groups of \"n_routed_experts\" / \"n_group\" = " + llvm::Twine(groupSize) +
                     " experts cannot be ranked by their best two");
}

/// Newer files say the same again, by another name and layer by layer.
static void checkNewerSpellings(ConfigParser &parser) {
  ConfigReader &reader = parser.reader();
  const ModelConfig &config = parser.config();
  int64_t count = config.routing.experts, layer = 0;
  if (reader.integer("num_local_experts", count, 0, kMaxCount, Need::Optional)) {
    parser.require(count == config.routing.experts, "\"num_local_experts\" (" + llvm::Twine(count) +
                                                        ") must equal \"n_routed_experts\" (" +
                                                        llvm::Twine(config.routing.experts) + ")");
  }
  for (json::Value type : reader.get("mlp_layer_types").elements()) {
    const char *expected = config.isMoeLayer(layer) ? "sparse" : "dense";
    if (type.string() != expected) {
      const char *reason = reader.get("first_k_dense_replace") ? "the other fields say "
                                                               : "after the first sparse layer the only kind is ";
      reader.unsupported("mlp_layer_types",
                         "says " + quote(type) + " for layer " + llvm::Twine(layer) + ", but " + reason + expected);
      return;
    }
    ++layer;
  }
  parser.requirePerLayer("mlp_layer_types");
}

static void check(ConfigParser &parser) {
  const ModelConfig &config = parser.config();
  const RoutingConfig &r = config.routing;
  checkNewerSpellings(parser);
  parser.require(r.firstMoeLayer <= config.layers, "\"first_k_dense_replace\" (" + llvm::Twine(r.firstMoeLayer) +
                                                       ") is more than \"num_hidden_layers\" (" +
                                                       llvm::Twine(config.layers) + ")");
  parser.require(r.expertsPerToken <= r.experts || r.experts == 0,
                 "\"num_experts_per_tok\" (" + llvm::Twine(r.expertsPerToken) +
                     ") is more than \"n_routed_experts\" (" + llvm::Twine(r.experts) + ")");
  if (r.groupScore != GroupScore::None) {
    checkGroups(parser);
  }
}

static deepseek::Scoring convert(ScoreFunction function) {
  switch (function) {
  case ScoreFunction::Softmax:
    return deepseek::Scoring::softmax;
  case ScoreFunction::Sigmoid:
    return deepseek::Scoring::sigmoid;
  }
  llvm_unreachable("an unknown scoring function");
}

static deepseek::GroupRule convert(GroupScore score) {
  switch (score) {
  case GroupScore::None:
    return deepseek::GroupRule::none;
  case GroupScore::Maximum:
    return deepseek::GroupRule::max;
  case GroupScore::Top2Sum:
    return deepseek::GroupRule::top2_sum;
  }
  llvm_unreachable("an unknown group score");
}

static deepseek::RoutingAttr convert(MLIRContext *context, const RoutingConfig &r) {
  return deepseek::RoutingAttr::get(context, convert(r.scoreFunction), convert(r.groupScore), r.expertsPerToken,
                                    r.groups, r.topGroups, r.normalize, r.scale);
}

static Value build(LayerBuilder &b, Value input) {
  int64_t perToken = b.config().routing.expertsPerToken;
  int64_t rows = cast<RankedTensorType>(input.getType()).getDimSize(0);
  auto idsType = RankedTensorType::get({rows, perToken}, b.ops().getI32Type());
  auto gate = deepseek::MoEGateOp::create(b.ops(), b.loc(), idsType, b.activation(perToken),
                                          b.linear(input, "mlp.gate"), b.weight("mlp.gate.e_score_correction_bias"),
                                          convert(b.ops().getContext(), b.config().routing));
  Value gateScale = b.weight("mlp.experts.gate_proj_scale_inv");
  Value result = deepseek::MoEExpertsOp::create(
      b.ops(), b.loc(), input.getType(), input, gate.getIds(), gate.getWeights(), b.weight("mlp.experts.gate_proj"),
      b.weight("mlp.experts.up_proj"), b.weight("mlp.experts.down_proj"), gateScale,
      b.weight("mlp.experts.up_proj_scale_inv"), b.weight("mlp.experts.down_proj_scale_inv"), b.block(gateScale));
  return hasShared(b.config()) ? b.add(result, b.swiGlu(input, "mlp.shared_experts.")) : result;
}

const Part experts = {"experts", Scope::MoeLayer,           kFields, parse, check, kTensors, nullptr,
                      build,     "post_attention_layernorm"};

} // namespace fathom::huggingface

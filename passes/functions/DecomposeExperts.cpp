// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// onnxruntime's mixtures of experts.

#include "passes/functions/AlongAxis.h"
#include "passes/functions/Heads.h"
#include "passes/functions/Products.h"

#include <limits>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

namespace {
/// What each expert does in a layer: weights [depth, experts · rows], in f32; null: there is none.
struct Layer {
  Value weights, rows, depth, bias;
};

/// Tokens and scores as rows, and the layers of all experts, of which the third multiplies what the first gives.
struct Mixture {
  Value tokens, scores;
  Layer first, second, third;
};

/// Which experts each token has, [tokens, chosen], and how much each counts.
struct Routes {
  Value experts, weights;
};
} // namespace

/// A tensor as rows of its last axis; null after `fail`.
static Value readRows(NodeBuilder &b, size_t input) {
  Value in = readFloats(b, input);
  if (!in || b.rank(input) == 0) {
    b.fail("scores or tokens other than floats");
    return {};
  }
  Values sizes = b.sizesOf(in);
  return b.reshape(in, {b.product(ArrayRef<Value>(sizes).drop_back()), sizes.back()});
}

/// A bias of all experts in one line; false after `fail`.
static bool readBias(NodeBuilder &b, size_t input, Value experts, Layer &layer) {
  if (!b.has(input)) {
    return true;
  }
  Value bias = readFloats(b, input), count = b.multiply(experts, layer.rows);
  layer.bias = bias ? b.reshape(bias, {count}) : bias;
  return bias != nullptr;
}

/// Weights [experts, rows, depth] with a bias behind them.
static bool readLayer(NodeBuilder &b, size_t input, Value experts, Layer &layer) {
  Value weights = readFloats(b, input);
  if (!weights || b.rank(input) != 3) {
    return b.fail("weights of experts that do not fit");
  }
  layer.rows = b.size(weights, 1);
  layer.depth = b.size(weights, 2);
  b.checkEqual(b.size(weights, 0), experts, "has weights of experts that do not fit");
  layer.weights = b.make(b.builder.getF32Type(), {layer.depth, b.multiply(experts, layer.rows)}, [&](ValueRange i) {
    return b.at(weights, {b.divide(i[1], layer.rows), b.remainder(i[1], layer.rows), i[0]});
  });
  return readBias(b, input + 1, experts, layer);
}

/// Weights [experts, rows, packed], scales and a bias; zero points are behind all layers.
static bool readPackedLayer(NodeBuilder &b, size_t input, size_t zeros, Value experts, Layer &layer) {
  auto type = cast<RankedTensorType>(b.in(input).getType());
  int64_t bits = b.integer("expert_weight_bits", 4), block = b.integer("block_size", 0);
  if (!b.has(input + 1) || type.getRank() != 3 || !type.hasStaticShape() || type.getNumElements() == 0 || bits < 1 ||
      bits > 8) {
    return b.fail("weights of experts that do not fit");
  }
  int64_t rows = type.getDimSize(1), depth = type.getDimSize(2) * 8 / bits;
  PackedColumns packed = {type.getDimSize(0) * rows, depth, block > 0 ? block : depth, bits, input, input + 1, zeros};
  b.checkEqual(b.index(type.getDimSize(0)), experts, "has weights of experts that do not fit");
  if (!fitsPacked(b, packed)) {
    return false;
  }
  layer.rows = b.index(rows);
  layer.depth = b.index(depth);
  layer.weights = unpackColumns(b, packed);
  return readBias(b, input + 2, experts, layer);
}

/// Of each token and each of its experts what a layer gives, [tokens, chosen, rows]: of `in`, which has a row of
/// numbers for each token, or one for each of its experts.
static Value applyLayer(NodeBuilder &b, const Layer &layer, const Routes &routes, Value in) {
  Values sizes = b.sizesOf(routes.experts);
  bool perExpert = NodeBuilder::rankOf(in) == 3;
  return b.make(b.builder.getF32Type(), {sizes[0], sizes[1], layer.rows}, [&](ValueRange i) {
    Value expert = b.toIndex(b.at(routes.experts, {i[0], i[1]}));
    Value row = b.add(b.multiply(expert, layer.rows), i[2]), none = b.real(0);
    return b.loop(b.index(0), layer.depth, layer.bias ? b.at(layer.bias, {row}) : none, [&](Value k, Value sum) {
      Value number = perExpert ? b.at(in, {i[0], i[1], k}) : b.at(in, {i[0], k});
      return b.fma(number, b.at(layer.weights, {k, row}), sum);
    });
  });
}

/// A gate times what it lets through.
static Value gated(NodeBuilder &b, Value gate, Value up) {
  double limit = b.number("swiglu_limit", std::numeric_limits<double>::infinity());
  gate = b.smaller(gate, b.real(limit));
  up = b.larger(b.smaller(up, b.real(limit)), b.real(-limit));
  Value open = b.sigmoid(b.multiply(b.real(b.number("activation_alpha", 1)), gate));
  return b.multiply(b.multiply(gate, open), b.add(up, b.real(b.number("activation_beta", 0))));
}

static Value activate(NodeBuilder &b, StringRef kind, Value x) {
  return kind == "relu" ? b.larger(x, b.real(0)) : kind == "gelu" ? gelu(b, x) : kind == "silu" ? b.silu(x) : x;
}

/// What the second layer takes: the first's through a function, or gates and what they multiply, which lie beside each
/// other, in halves, or in the third.
static Value activateHidden(NodeBuilder &b, const Mixture &mixture, Value hidden, Value other) {
  Values sizes = b.sizesOf(hidden);
  Value inner = mixture.second.depth;
  StringRef kind = b.string("activation_type", "relu");
  int64_t fusion = b.integer("swiglu_fusion", 0);
  return b.make(b.builder.getF32Type(), {sizes[0], sizes[1], inner}, [&](ValueRange i) {
    auto at = [&](Value of, Value k) { return b.at(of, {i[0], i[1], k}); };
    Value pair = b.multiply(i[2], 2);
    if (kind == "swiglu") {
      return fusion == 1   ? gated(b, at(hidden, pair), at(hidden, b.add(pair, 1)))
             : fusion == 2 ? gated(b, at(hidden, i[2]), at(hidden, b.add(inner, i[2])))
                           : gated(b, at(hidden, i[2]), at(other, i[2]));
    }
    Value number = activate(b, kind, at(hidden, i[2]));
    return other ? b.multiply(number, at(other, i[2])) : number;
  });
}

/// Ends a call where layers do not fit each other.
static bool checkLayers(NodeBuilder &b, const Mixture &mixture) {
  bool isGated = b.string("activation_type", "relu") == "swiglu";
  int64_t fusion = b.integer("swiglu_fusion", 0);
  if (fusion < 0 || fusion > 2 || (isGated && fusion == 0 && !mixture.third.weights)) {
    return b.fail("layers that do not fit each other");
  }
  Value inner = mixture.second.depth, width = b.size(mixture.tokens, 1), none = b.index(0);
  b.checkEqual(mixture.first.depth, width, "has layers that do not fit each other");
  b.checkEqual(mixture.first.rows, b.multiply(inner, isGated && fusion ? 2 : 1),
               "has layers that do not fit each other");
  b.checkEqual(mixture.second.rows, width, "has layers that do not fit each other");
  b.check(b.isNot(b.isSame(b.size(mixture.scores, 1), none)), "has no experts");
  if (mixture.third.weights) {
    b.checkEqual(mixture.third.rows, inner, "has layers that do not fit each other");
    b.checkEqual(mixture.third.depth, width, "has layers that do not fit each other");
  }
  return true;
}

/// The best experts of each token; `given` says how much each counts, or it is the softmax of the scores.
static Routes route(NodeBuilder &b, Value scores, Value given) {
  Values sizes = b.sizesOf(scores);
  Value k = b.smaller(b.index(std::max<int64_t>(b.integer("k", 1), 0)), sizes[1]), one = b.index(1);
  Value rows = b.reshape(scores, {sizes[0], sizes[1], one});
  Value best = takeBest(b, rows, k, /*largest=*/true)[1],
        weights = given ? given : softmaxOf(b, rows, b.builder.getF32Type());
  best = b.reshape(best, {sizes[0], k});
  weights = given ? weights : b.reshape(weights, sizes);
  Type f32 = b.builder.getF32Type();
  auto weightOf = [&](Value token, Value j) { return b.at(weights, {token, b.toIndex(b.at(best, {token, j}))}); };
  bool isShared = b.integer("normalize_routing_weights", 0) != 0;
  Value sums = b.make(f32, {sizes[0]}, [&](ValueRange i) {
    return b.loop(b.index(0), k, b.real(0), [&](Value j, Value sum) { return b.add(sum, weightOf(i[0], j)); });
  });
  return {best, b.make(f32, {sizes[0], k}, [&](ValueRange i) {
            Value sum = b.at(sums, {i[0]}), weight = weightOf(i[0], i[1]);
            return isShared ? b.divide(weight, b.select(b.isEqual(sum, b.real(0)), b.real(1), sum)) : weight;
          })};
}

/// The sum of what chosen experts give; `weights` is an input, if there is one, of what each expert's result counts.
static bool mix(NodeBuilder &b, const Mixture &mixture, size_t weights) {
  Value given = b.has(weights) ? readRows(b, weights) : Value();
  if (!checkLayers(b, mixture) || (b.has(weights) && !given)) {
    return false;
  }
  for (int64_t axis : {0, 1}) {
    given ? b.checkEqual(b.size(given, axis), b.size(mixture.scores, axis), "has weights for other scores") : void();
  }
  Routes routes = route(b, mixture.scores, given);
  Value hidden = applyLayer(b, mixture.first, routes, mixture.tokens);
  Value other = mixture.third.weights ? applyLayer(b, mixture.third, routes, mixture.tokens) : Value();
  Value results = applyLayer(b, mixture.second, routes, activateHidden(b, mixture, hidden, other));
  Value chosen = b.size(routes.experts, 1);
  Value out = b.make(b.elementOf(0), b.sizesOf(mixture.tokens), [&](ValueRange i) {
    return b.loop(b.index(0), chosen, b.real(0), [&](Value j, Value sum) {
      return b.fma(b.at(routes.weights, {i[0], j}), b.at(results, {i[0], j, i[1]}), sum);
    });
  });
  return b.give(b.reshape(out, b.sizesOf(b.in(0))));
}

/// Tokens, and scores of all experts for each.
static std::optional<Mixture> readMixture(NodeBuilder &b) {
  Mixture mixture;
  mixture.tokens = readRows(b, 0);
  mixture.scores = mixture.tokens ? readRows(b, 1) : Value();
  if (!mixture.scores) {
    return std::nullopt;
  }
  b.checkEqual(b.size(mixture.scores, 0), b.size(mixture.tokens, 0), "has scores for other rows");
  return mixture;
}

static bool moe(NodeBuilder &b) {
  std::optional<Mixture> mixture = readMixture(b);
  Value experts = mixture ? b.size(mixture->scores, 1) : Value();
  return mixture && b.has(4) && readLayer(b, 2, experts, mixture->first) && readLayer(b, 4, experts, mixture->second) &&
         (!b.has(6) || readLayer(b, 6, experts, mixture->third)) && mix(b, *mixture, b.inputCount());
}

static bool packedMoe(NodeBuilder &b) {
  std::optional<Mixture> mixture = readMixture(b);
  Value experts = mixture ? b.size(mixture->scores, 1) : Value();
  return mixture && b.has(5) && readPackedLayer(b, 2, 11, experts, mixture->first) &&
         readPackedLayer(b, 5, 12, experts, mixture->second) &&
         (!b.has(8) || readPackedLayer(b, 8, 13, experts, mixture->third)) && mix(b, *mixture, 14);
}

ArrayRef<DecomposeRow> decomposeExpertRows() {
  static const DecomposeRow rows[] = {
      {"com.microsoft", "MoE", moe, 3},
      {"com.microsoft", "QMoE", packedMoe, 4},
  };
  return rows;
}

} // namespace fathom

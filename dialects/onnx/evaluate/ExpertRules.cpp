// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// onnxruntime's mixtures of experts.

#include "dialects/onnx/evaluate/Functions.h"
#include "dialects/onnx/evaluate/Packed.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

namespace {
/// What an expert does in a layer: `weight(row, k)` counts the rows of all experts, one expert after the other.
struct Layer {
  int64_t rows = 0, depth = 0;
  std::function<double(int64_t, int64_t)> weight;
  const Array *bias = nullptr;

  std::vector<double> apply(int64_t expert, ArrayRef<double> in) const {
    std::vector<double> out(rows);
    for (int64_t row = 0; row < rows; ++row) {
      int64_t at = expert * rows + row;
      out[row] = bias ? bias->reals[at] : 0;
      for (int64_t k = 0; k < depth; ++k) {
        out[row] += in[k] * weight(at, k);
      }
    }
    return out;
  }
};

struct Mixture {
  int64_t experts = 0, width = 0, tokens = 0;
  Layer first, second;
  /// Multiplies what the first gives; without rows there is none.
  Layer third;
};
} // namespace

static bool checkBias(NodeValues &node, size_t input, int64_t count, Layer &layer) {
  layer.bias = node.has(input) ? &node.in(input) : nullptr;
  bool fits = !layer.bias || (layer.bias->isReal() && layer.bias->size() == count);
  return fits || node.fail("has a bias that does not fit");
}

/// Weights [experts, rows, depth] with a bias behind them.
static bool readLayer(NodeValues &node, size_t input, const Mixture &mixture, int64_t depth, Layer &layer) {
  const Array &weights = node.in(input);
  if (!node.expectRank(input, 3) || !weights.isReal() || weights.shape[0] != mixture.experts ||
      weights.shape[2] != depth) {
    return node.fail("has weights of experts that do not fit");
  }
  layer.rows = weights.shape[1];
  layer.depth = depth;
  layer.weight = [&weights, depth](int64_t row, int64_t k) { return weights.reals[row * depth + k]; };
  return checkBias(node, input + 1, mixture.experts * layer.rows, layer);
}

/// Weights [experts, rows, packed], scales and a bias; zero points are behind all layers.
static bool readPackedLayer(NodeValues &node, size_t input, size_t zeros, const Mixture &mixture, int64_t depth,
                            Layer &layer) {
  int64_t block = node.integer("block_size", 0);
  if (!node.expectRank(input, 3) || !node.has(input + 1) || node.in(input).shape[0] != mixture.experts || depth < 1) {
    return node.fail("has weights of experts that do not fit");
  }
  PackedMatrix matrix = {node.in(input).shape[1], depth, block > 0 ? block : depth,
                         static_cast<unsigned>(node.integer("expert_weight_bits", 4))};
  matrix.weights = &node.in(input);
  matrix.scales = &node.in(input + 1);
  matrix.zeros = node.has(zeros) ? &node.in(zeros) : nullptr;
  if (!matrix.fits(mixture.experts)) {
    return node.fail("has weights, scales or zero points that do not fit");
  }
  layer.rows = matrix.rows;
  layer.depth = depth;
  layer.weight = [matrix](int64_t row, int64_t k) { return matrix.at(row, k, k / matrix.block); };
  return checkBias(node, input + 2, mixture.experts * layer.rows, layer);
}

/// How the gate and what it multiplies lie in what the first layer gives, beside each other or in halves.
static double gated(NodeValues &node, double gate, double up) {
  double limit = node.real("swiglu_limit", INFINITY);
  gate = std::min(gate, limit);
  up = std::clamp(up, -limit, limit);
  return gate * sigmoid(node.real("activation_alpha", 1) * gate) * (up + node.real("activation_beta", 0));
}

static double activate(StringRef kind, double x) {
  return kind == "relu" ? std::max(x, 0.0) : kind == "gelu" ? gelu(x) : kind == "silu" ? x * sigmoid(x) : x;
}

/// What one expert makes of a token.
static std::vector<double> applyExpert(NodeValues &node, const Mixture &mixture, int64_t expert, ArrayRef<double> in) {
  std::vector<double> hidden = mixture.first.apply(expert, in);
  std::string kind = node.string("activation_type", "relu");
  int64_t fusion = node.integer("swiglu_fusion", 0), inner = mixture.second.depth;
  std::vector<double> other = mixture.third.rows ? mixture.third.apply(expert, in) : std::vector<double>();
  for (int64_t i = 0; i < inner; ++i) {
    if (kind != "swiglu") {
      hidden[i] = activate(kind, hidden[i]) * (other.empty() ? 1 : other[i]);
    } else if (fusion == 1) {
      hidden[i] = gated(node, hidden[2 * i], hidden[2 * i + 1]);
    } else {
      hidden[i] = gated(node, hidden[i], fusion == 2 ? hidden[inner + i] : other[i]);
    }
  }
  return mixture.second.apply(expert, hidden);
}

/// The chosen experts of a token, and how much each counts.
static std::vector<std::pair<int64_t, double>> route(NodeValues &node, ArrayRef<double> scores,
                                                     ArrayRef<double> weights) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  // NaN is the least, so that there is an order.
  auto rank = [&](int64_t expert) {
    return std::pair(std::isnan(scores[expert]) ? INFINITY : -scores[expert], expert);
  };
  llvm::sort(order, [&](int64_t a, int64_t b) { return rank(a) < rank(b); });
  double most = scores[order.front()], all = 0, sum = 0;
  for (double score : scores) {
    all += std::exp(score - most);
  }
  order.resize(std::clamp<int64_t>(node.integer("k", 1), 0, static_cast<int64_t>(scores.size())));
  std::vector<std::pair<int64_t, double>> chosen;
  for (int64_t expert : order) {
    chosen.emplace_back(expert, weights.empty() ? std::exp(scores[expert] - most) / all : weights[expert]);
    sum += chosen.back().second;
  }
  for (auto &[expert, weight] : chosen) {
    weight /= node.integer("normalize_routing_weights", 0) && sum != 0 ? sum : 1;
  }
  return chosen;
}

static bool checkLayers(NodeValues &node, const Mixture &mixture) {
  bool isGated = node.string("activation_type", "relu") == "swiglu";
  int64_t fusion = node.integer("swiglu_fusion", 0), inner = mixture.second.depth, parts = isGated && fusion ? 2 : 1;
  bool needsThird = isGated && parts == 1, third = mixture.third.rows != 0;
  bool fits = fusion >= 0 && fusion <= 2 && mixture.first.rows == parts * inner &&
              mixture.second.rows == mixture.width && (third || !needsThird) && (!third || mixture.third.rows == inner);
  return fits || node.fail("has layers that do not fit each other");
}

/// Input 0 [.., width], scores of the experts, and of those chosen what their results count, if not the scores do.
static bool mix(NodeValues &node, const Mixture &mixture, size_t weights) {
  const Array &in = node.in(0), &scores = node.in(1);
  bool weighs = node.has(weights);
  if (!checkLayers(node, mixture) || (weighs && node.in(weights).reals.size() != scores.reals.size())) {
    return node.fail("has weights for other scores");
  }
  Array *out = node.make(0, in.element, in.shape);
  for (int64_t token = 0; out && token < mixture.tokens; ++token) {
    auto row = [&](const Array &of, int64_t width) { return ArrayRef(of.reals).slice(token * width, width); };
    for (auto [expert, weight] : route(node, row(scores, mixture.experts),
                                       weighs ? row(node.in(weights), mixture.experts) : ArrayRef<double>())) {
      std::vector<double> result = applyExpert(node, mixture, expert, row(in, mixture.width));
      for (int64_t i = 0; i < mixture.width; ++i) {
        out->reals[token * mixture.width + i] += weight * result[i];
      }
    }
  }
  return out != nullptr;
}

static bool readMixture(NodeValues &node, Mixture &mixture) {
  const Array &in = node.in(0), &scores = node.in(1);
  if (!in.isReal() || !scores.isReal() || in.rank() == 0 || scores.rank() == 0 || in.shape.back() == 0) {
    return node.fail("wants floats, and scores of experts for each row");
  }
  mixture.experts = scores.shape.back();
  mixture.width = in.shape.back();
  mixture.tokens = in.size() / mixture.width;
  return (mixture.experts > 0 && scores.size() == mixture.tokens * mixture.experts) ||
         node.fail("has scores for other rows");
}

static bool moe(NodeValues &node) {
  Mixture mixture;
  if (!readMixture(node, mixture) || !node.expectRank(4, 3)) {
    return node.fail("lacks the second layer of its experts");
  }
  int64_t inner = node.in(4).shape[2];
  return readLayer(node, 2, mixture, mixture.width, mixture.first) &&
         readLayer(node, 4, mixture, inner, mixture.second) &&
         (!node.has(6) || readLayer(node, 6, mixture, mixture.width, mixture.third)) &&
         mix(node, mixture, node.inputCount());
}

static bool packedMoe(NodeValues &node) {
  Mixture mixture;
  if (!readMixture(node, mixture) || !node.expectRank(5, 3)) {
    return node.fail("lacks the second layer of its experts");
  }
  int64_t inner = node.in(5).shape[2] * 8 / std::max<int64_t>(node.integer("expert_weight_bits", 4), 1);
  return readPackedLayer(node, 2, 11, mixture, mixture.width, mixture.first) &&
         readPackedLayer(node, 5, 12, mixture, inner, mixture.second) &&
         (!node.has(8) || readPackedLayer(node, 8, 13, mixture, mixture.width, mixture.third)) &&
         mix(node, mixture, 14);
}

llvm::ArrayRef<EvaluateRow> expertRows() {
  static const EvaluateRow rows[] = {
      {"com.microsoft", "MoE", moe, 3},
      {"com.microsoft", "QMoE", packedMoe, 4},
  };
  return rows;
}

} // namespace fathom::onnx

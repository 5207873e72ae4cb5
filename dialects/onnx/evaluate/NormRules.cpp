// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that scale rows to a common size: norms.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

namespace {
struct Moments {
  double mean, inverse;
};
} // namespace

/// The mean of a row of `count` numbers from `first` on, or 0 without `centered`, and what the differences are
/// multiplied by.
static Moments momentsOf(ArrayRef<double> row, bool centered, double epsilon) {
  auto count = static_cast<double>(row.size());
  double mean = 0, square = 0;
  for (double value : row) {
    mean += centered ? value / count : 0;
  }
  for (double value : row) {
    square += (value - mean) * (value - mean) / count;
  }
  return {mean, 1 / std::sqrt(square + epsilon)};
}

/// Norms of rows, which are all axes from `axis` on; outputs 1 and 2, or 1 alone without `centered`, are the moments.
static bool normalize(NodeValues &node, const Array &in, int64_t axis, size_t scale, size_t bias, bool centered,
                      double epsilon) {
  int64_t width = product(ArrayRef(in.shape).drop_front(axis));
  auto fits = [&](size_t input) {
    return !node.has(input) || (node.in(input).isReal() && width % std::max<int64_t>(node.in(input).size(), 1) == 0 &&
                                node.in(input).size() > 0);
  };
  if (!in.isReal() || !fits(scale) || !fits(bias)) {
    return node.fail("has a scale or a bias that does not fit");
  }
  Extents shape = in.shape;
  std::fill(shape.begin() + axis, shape.end(), 1);
  Array *out = node.make(0, in.element, in.shape);
  Type real = Float32Type::get(node.op().getContext());
  Array *means = node.make(centered ? 1 : 2, node.elementOf(centered ? 1 : 2, real), shape);
  Array *inverses = node.make(centered ? 2 : 1, node.elementOf(centered ? 2 : 1, real), shape);
  if (!out || !means || !inverses || !means->isReal() || !inverses->isReal()) {
    return node.fail("gives moments that are not floats");
  }
  auto of = [&](size_t input, int64_t i, double other) {
    return node.has(input) ? node.in(input).reals[i % node.in(input).size()] : other;
  };
  for (int64_t row = 0; row * width < in.size(); ++row) {
    Moments moments = momentsOf(ArrayRef(in.reals).slice(row * width, width), centered, epsilon);
    for (int64_t i = 0; i < width; ++i) {
      double value = (in.reals[row * width + i] - moments.mean) * moments.inverse;
      out->reals[row * width + i] = value * of(scale, i, 1) + of(bias, i, 0);
    }
    means->reals[row] = moments.mean;
    inverses->reals[row] = moments.inverse;
  }
  return true;
}

template <bool centered>
static bool layerNorm(NodeValues &node) {
  std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.in(0).rank());
  // Without a mean there is no bias.
  size_t bias = centered ? 2 : node.inputCount();
  return axis && normalize(node, node.in(0), *axis, 1, bias, centered, node.real("epsilon", 1e-5));
}

/// The norm of a sum, which is output 3: input, skip, scale, and of these that subtract the mean a bias, and what else
/// is added.
template <bool centered>
static bool skipNorm(NodeValues &node) {
  Array sum = node.in(0);
  const Array &skip = node.in(1), &more = node.in(centered ? 4 : 3);
  bool fits = sum.isReal() && skip.isReal() && skip.size() > 0 && sum.size() % skip.size() == 0 && sum.rank() > 0;
  if (!fits || (more.element && (more.reals.empty() || more.size() != sum.shape.back()))) {
    return node.fail("adds what does not fit");
  }
  for (int64_t i = 0; i < sum.size(); ++i) {
    sum.reals[i] += skip.reals[i % skip.size()] + (more.element ? more.reals[i % more.size()] : 0);
  }
  size_t bias = centered ? 3 : node.inputCount();
  return normalize(node, sum, sum.rank() - 1, 2, bias, centered, node.real("epsilon", 1e-12)) &&
         node.give(3, std::move(sum));
}

/// Norms of groups of channels, axis 1; older opsets have a scale for each group.
static bool normalizeGroups(NodeValues &node, int64_t groups) {
  const Array &in = node.in(0), &scale = node.in(1), &bias = node.in(2);
  if (in.rank() < 2 || groups < 1 || in.shape[1] % groups != 0 || !in.isReal() || !scale.isReal() || !bias.isReal()) {
    return node.fail("wants channels that its groups divide");
  }
  int64_t channels = in.shape[1], inner = product(ArrayRef(in.shape).drop_front(2)), width = channels / groups * inner;
  bool perGroup = scale.size() == groups;
  if ((!perGroup && scale.size() != channels) || bias.size() != scale.size()) {
    return node.fail("has a scale or a bias that does not fit");
  }
  Array *out = node.make(0, in.element, in.shape);
  for (int64_t at = 0; at < in.size(); at += width) {
    Moments moments = momentsOf(ArrayRef(in.reals).slice(at, width), true, node.real("epsilon", 1e-5));
    for (int64_t i = at; i < at + width; ++i) {
      int64_t channel = i / inner % channels, of = perGroup ? channel / (channels / groups) : channel;
      out->reals[i] = (in.reals[i] - moments.mean) * moments.inverse * scale.reals[of] + bias.reals[of];
    }
  }
  return true;
}

static bool groupNorm(NodeValues &node) { return normalizeGroups(node, node.integer("num_groups", 0)); }
static bool instanceNorm(NodeValues &node) {
  return normalizeGroups(node, node.in(0).rank() > 1 ? node.in(0).shape[1] : 0);
}

/// By the sum of absolutes, or the root of the sum of squares; rows of zeros stay.
static bool lpNorm(NodeValues &node) {
  Array out = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", -1), out.rank());
  int64_t p = node.integer("p", 2);
  if (!axis || !out.isReal() || (p != 1 && p != 2)) {
    return node.fail("wants floats, and p of 1 or 2");
  }
  Rows rows(out.shape, *axis);
  rows.forEach([&](int64_t first, int64_t step) {
    double sum = 0;
    for (int64_t i = 0; i < rows.length; ++i) {
      double value = std::abs(out.reals[first + i * step]);
      sum += p == 1 ? value : value * value;
    }
    double length = p == 1 ? sum : std::sqrt(sum);
    for (int64_t i = 0; i < rows.length && length != 0; ++i) {
      out.reals[first + i * step] /= length;
    }
  });
  return node.give(0, std::move(out));
}

/// Over axes together that need not be beside each other.
static bool meanVarianceNorm(NodeValues &node) {
  Array out = node.in(0);
  Extents axes = node.attribute("axes").value_or(Extents{0, 2, 3}), gone(out.shape.size(), 1), kept = out.shape;
  if (!out.isReal()) {
    return node.fail("wants floats");
  }
  for (int64_t given : axes) {
    std::optional<int64_t> axis = node.axis(given, out.rank());
    if (!axis) {
      return false;
    }
    gone[*axis] = out.shape[*axis];
    kept[*axis] = 1;
  }
  Extents strides = stridesOf(out.shape);
  forEachPlace(kept, [&](ArrayRef<int64_t> place) {
    int64_t first = elementAt(place, strides);
    std::vector<double> group;
    forEachPlace(gone, [&](ArrayRef<int64_t> at) { group.push_back(out.reals[first + elementAt(at, strides)]); });
    Moments moments = momentsOf(group, true, 0);
    forEachPlace(gone, [&](ArrayRef<int64_t> at) {
      double &value = out.reals[first + elementAt(at, strides)];
      value = (value - moments.mean) / (1 / moments.inverse + 1e-9);
    });
  });
  return node.give(0, std::move(out));
}

llvm::ArrayRef<EvaluateRow> normRows() {
  static const EvaluateRow rows[] = {
      {"", "GroupNormalization", groupNorm, 3},
      {"", "InstanceNormalization", instanceNorm, 3},
      {"", "LayerNormalization", layerNorm<true>, 2},
      {"", "LpNormalization", lpNorm},
      {"", "MeanVarianceNormalization", meanVarianceNorm},
      {"", "RMSNormalization", layerNorm<false>, 2},
      {"", "SimplifiedLayerNormalization", layerNorm<false>, 2},
      {"com.microsoft", "SimplifiedLayerNormalization", layerNorm<false>, 2},
      {"com.microsoft", "SkipLayerNormalization", skipNorm<true>, 3},
      {"com.microsoft", "SkipSimplifiedLayerNormalization", skipNorm<false>, 3},
  };
  return rows;
}

} // namespace fathom::onnx

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make one number of many along axes.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

/// Which axes go, by their numbers; nothing after a finding.
static std::optional<std::vector<bool>> reducedAxes(NodeValues &node) {
  std::optional<Extents> axes = node.list("axes", 1);
  int64_t rank = node.in(0).rank();
  bool none = !axes || axes->empty();
  std::vector<bool> reduced(rank, none && node.integer("noop_with_empty_axes", 0) == 0);
  for (int64_t given : axes.value_or(Extents())) {
    std::optional<int64_t> axis = node.axis(given, rank);
    if (!axis) {
      return std::nullopt;
    }
    reduced[*axis] = true;
  }
  return reduced;
}

/// The extents of axes that go, or of those that stay; of others 1.
static Extents extentsWhere(ArrayRef<int64_t> shape, const std::vector<bool> &reduced, bool which) {
  Extents extents(shape);
  for (size_t axis = 0; axis < reduced.size(); ++axis) {
    extents[axis] = reduced[axis] == which ? extents[axis] : 1;
  }
  return extents;
}

/// Computes each element of `to` from those of `from` that are reduced to it.
template <typename From, typename To, typename Function>
static void reduceTo(const std::vector<From> &from, ArrayRef<int64_t> shape, const std::vector<bool> &reduced,
                     std::vector<To> &to, Function function) {
  Extents strides = stridesOf(shape), kept = extentsWhere(shape, reduced, false),
          gone = extentsWhere(shape, reduced, true);
  std::vector<From> group(product(gone));
  size_t next = 0;
  forEachPlace(kept, [&](ArrayRef<int64_t> place) {
    int64_t first = elementAt(place, strides);
    size_t i = 0;
    forEachPlace(gone, [&](ArrayRef<int64_t> inner) { group[i++] = from[first + elementAt(inner, strides)]; });
    to[next++] = function(group);
  });
}

using Reals = std::vector<double>;
using Integers = std::vector<int64_t>;

/// Integers as floats, rounded to 0.
template <double (*OfReals)(const Reals &)>
static int64_t asReals(const Integers &x) {
  return truncate(OfReals(Reals(x.begin(), x.end())));
}

template <double (*OfReals)(const Reals &), int64_t (*OfIntegers)(const Integers &)>
static bool reduce(NodeValues &node) {
  const Array &in = node.in(0);
  std::optional<std::vector<bool>> reduced = reducedAxes(node);
  if (!reduced || !(in.isReal() || in.isInteger())) {
    return node.fail("wants numbers");
  }
  Extents shape;
  for (size_t axis = 0; axis < reduced->size(); ++axis) {
    bool stays = !(*reduced)[axis] || node.integer("keepdims", 1) != 0;
    stays ? shape.push_back((*reduced)[axis] ? 1 : in.shape[axis]) : void();
  }
  Array *out = node.make(0, in.element, shape);
  if (!out) {
    return false;
  }
  if (in.isReal()) {
    reduceTo(in.reals, in.shape, *reduced, out->reals, OfReals);
  } else {
    reduceTo(in.integers, in.shape, *reduced, out->integers, OfIntegers);
  }
  return true;
}

static double sum(const Reals &x) { return std::accumulate(x.begin(), x.end(), 0.0); }
static double sumOfSquares(const Reals &x) { return std::inner_product(x.begin(), x.end(), x.begin(), 0.0); }
static double mean(const Reals &x) { return sum(x) / static_cast<double>(x.size()); }
static double multiplied(const Reals &x) { return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>()); }
static double norm(const Reals &x) { return std::sqrt(sumOfSquares(x)); }
static double logSum(const Reals &x) { return std::log(sum(x)); }

static double absolutes(const Reals &x) {
  return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, double value) { return sum + std::abs(value); });
}
static double largest(const Reals &x) {
  return std::accumulate(x.begin(), x.end(), -std::numeric_limits<double>::infinity(),
                         [](double a, double b) { return std::isnan(a) || a > b ? a : b; });
}
static double smallest(const Reals &x) {
  return std::accumulate(x.begin(), x.end(), std::numeric_limits<double>::infinity(),
                         [](double a, double b) { return std::isnan(a) || a < b ? a : b; });
}
static double logSumExp(const Reals &x) {
  double most = largest(x);
  double sum =
      std::accumulate(x.begin(), x.end(), 0.0, [=](double sum, double value) { return sum + std::exp(value - most); });
  return std::isinf(most) ? most : most + std::log(sum);
}

/// Of integers, which wrap around.
template <typename Function>
static int64_t fold(const Integers &x, uint64_t first, Function function) {
  return static_cast<int64_t>(std::accumulate(x.begin(), x.end(), first, function));
}
static int64_t integerSum(const Integers &x) { return fold(x, 0, std::plus<>()); }
static int64_t integerProduct(const Integers &x) { return fold(x, 1, std::multiplies<>()); }
static int64_t integerSquares(const Integers &x) {
  return fold(x, 0, [](uint64_t sum, uint64_t value) { return sum + value * value; });
}
static int64_t integerAbsolutes(const Integers &x) {
  return fold(x, 0, [](uint64_t sum, int64_t value) { return value < 0 ? sum - value : sum + value; });
}
static int64_t integerLargest(const Integers &x) {
  return x.empty() ? INT64_MIN : *std::max_element(x.begin(), x.end());
}
static int64_t integerSmallest(const Integers &x) {
  return x.empty() ? INT64_MAX : *std::min_element(x.begin(), x.end());
}

llvm::ArrayRef<EvaluateRow> reduceRows() {
  static const EvaluateRow rows[] = {
      {"", "ReduceL1", reduce<absolutes, integerAbsolutes>},
      {"", "ReduceL2", reduce<norm, asReals<norm>>},
      {"", "ReduceLogSum", reduce<logSum, asReals<logSum>>},
      {"", "ReduceLogSumExp", reduce<logSumExp, asReals<logSumExp>>},
      {"", "ReduceMax", reduce<largest, integerLargest>},
      {"", "ReduceMean", reduce<mean, asReals<mean>>},
      {"", "ReduceMin", reduce<smallest, integerSmallest>},
      {"", "ReduceProd", reduce<multiplied, integerProduct>},
      {"", "ReduceSum", reduce<sum, integerSum>},
      {"", "ReduceSumSquare", reduce<sumOfSquares, integerSquares>},
  };
  return rows;
}

} // namespace fathom::onnx

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that look at whole rows along an axis: softmax, sums so far, the best.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

/// The rows that a softmax is of: all axes from one on together in older opsets.
static std::optional<Rows> softmaxRows(NodeValues &node) {
  const Array &in = node.in(0);
  bool together = node.opset() < 13;
  std::optional<int64_t> axis = node.axis(node.integer("axis", together ? 1 : -1), in.rank());
  if (!axis || !in.isReal()) {
    node.fail("wants floats");
    return std::nullopt;
  }
  ArrayRef<int64_t> shape = in.shape;
  return together ? Rows({product(shape.take_front(*axis)), product(shape.drop_front(*axis))}, 1) : Rows(shape, *axis);
}

/// Calls `compute(number, row)` for each row, which is a copy of the input's and replaced by what is left in it.
template <typename Compute>
static bool mapRows(NodeValues &node, Compute compute) {
  std::optional<Rows> rows = softmaxRows(node);
  Array *out = rows ? node.make(0, node.in(0).element, node.in(0).shape) : nullptr;
  if (out) {
    std::vector<double> row(rows->length);
    rows->forEach([&](int64_t first, int64_t step) {
      for (int64_t i = 0; i < rows->length; ++i) {
        row[i] = node.in(0).reals[first + i * step];
      }
      compute(row);
      for (int64_t i = 0; i < rows->length; ++i) {
        out->reals[first + i * step] = row[i];
      }
    });
  }
  return out != nullptr;
}

/// Less the logarithm of the sum of exponentials.
static void logSoftmaxOf(std::vector<double> &row) {
  double most = row.empty() ? 0 : *std::max_element(row.begin(), row.end()), sum = 0;
  for (double value : row) {
    sum += std::exp(value - most);
  }
  for (double &value : row) {
    value -= most + std::log(sum);
  }
}

static bool logSoftmax(NodeValues &node) { return mapRows(node, logSoftmaxOf); }
static bool softmax(NodeValues &node) {
  return mapRows(node, [](std::vector<double> &row) {
    logSoftmaxOf(row);
    llvm::transform(row, row.begin(), [](double value) { return std::exp(value); });
  });
}
static bool hardmax(NodeValues &node) {
  return mapRows(node, [](std::vector<double> &row) {
    auto best = std::max_element(row.begin(), row.end()) - row.begin();
    llvm::fill(row, 0);
    row.empty() ? void() : void(row[best] = 1);
  });
}

static bool wantsNumbers(NodeValues &node) {
  return node.in(0).isReal() || node.in(0).isInteger() || node.fail("wants numbers");
}

/// Integers wrap around, as `Wide` does.
template <typename Wide, typename Number>
static void cumulate(std::vector<Number> &numbers, const Rows &rows, bool exclusive, bool reverse) {
  rows.forEach([&](int64_t first, int64_t step) {
    Wide sum = 0;
    for (int64_t i = 0; i < rows.length; ++i) {
      Number &at = numbers[first + (reverse ? rows.length - 1 - i : i) * step];
      Wide next = sum + static_cast<Wide>(at);
      at = static_cast<Number>(exclusive ? sum : next);
      sum = next;
    }
  });
}

static bool cumSum(NodeValues &node) {
  Array out = node.in(0);
  std::optional<int64_t> axis = node.axis(node.whole(1, 0), out.rank());
  if (!axis || !wantsNumbers(node)) {
    return false;
  }
  bool exclusive = node.integer("exclusive", 0) != 0, reverse = node.integer("reverse", 0) != 0;
  Rows rows(out.shape, *axis);
  out.isReal() ? cumulate<double>(out.reals, rows, exclusive, reverse)
               : cumulate<uint64_t>(out.integers, rows, exclusive, reverse);
  return node.give(0, std::move(out));
}

/// NaN is larger than all numbers, so that there is an order.
static bool isLess(double x, double y) { return std::isnan(y) ? !std::isnan(x) : x < y; }

/// Whether element `a` is before `b` where the largest, or the smallest, come first; of equals neither is.
static bool isBefore(const Array &in, int64_t a, int64_t b, bool largest) {
  if (in.isReal()) {
    return largest ? isLess(in.reals[b], in.reals[a]) : isLess(in.reals[a], in.reals[b]);
  }
  int64_t x = in.integers[a], y = in.integers[b];
  bool less = in.isNatural() ? static_cast<uint64_t>(x) < static_cast<uint64_t>(y) : x < y;
  return x != y && less != largest;
}

template <bool largest>
static bool argBest(NodeValues &node) {
  const Array &in = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", 0), in.rank());
  if (!axis || !wantsNumbers(node) || in.size() == 0) {
    return node.fail("has no elements to choose from");
  }
  Rows rows(in.shape, *axis);
  bool last = node.integer("select_last_index", 0) != 0;
  Extents shape = in.shape;
  node.integer("keepdims", 1) ? void(shape[*axis] = 1) : void(shape.erase(shape.begin() + *axis));
  Array *out = node.make(0, IntegerType::get(node.op().getContext(), 64), shape);
  int64_t at = 0;
  rows.forEach([&](int64_t first, int64_t step) {
    int64_t best = 0;
    for (int64_t i = 1; i < rows.length; ++i) {
      bool better = last ? !isBefore(in, first + best * step, first + i * step, largest)
                         : isBefore(in, first + i * step, first + best * step, largest);
      best = better ? i : best;
    }
    out->integers[at++] = best;
  });
  return true;
}

/// Of equals the first come first.
static bool topK(NodeValues &node) {
  const Array &in = node.in(0);
  std::optional<int64_t> axis = node.axis(node.integer("axis", -1), in.rank());
  int64_t k = node.whole(1, -1);
  if (!axis || !wantsNumbers(node) || k < 0 || k > in.shape[*axis]) {
    return node.fail("takes the best " + Twine(k) + " of an axis with fewer");
  }
  bool largest = node.integer("largest", 1) != 0;
  Rows rows(in.shape, *axis);
  Extents shape = in.shape, order(rows.length);
  shape[*axis] = k;
  Rows best(shape, *axis);
  Array *values = node.make(0, in.element, shape);
  Array *indices = node.make(1, IntegerType::get(node.op().getContext(), 64), shape);
  for (int64_t row = 0; row < rows.outer * rows.inner; ++row) {
    int64_t outer = row / rows.inner, inner = row % rows.inner;
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](int64_t a, int64_t b) {
      int64_t x = rows.at(outer, a, inner), y = rows.at(outer, b, inner);
      return isBefore(in, x, y, largest) || (a < b && !isBefore(in, y, x, largest));
    });
    for (int64_t i = 0; i < k; ++i) {
      values->set(best.at(outer, i, inner), in, rows.at(outer, order[i], inner));
      indices->integers[best.at(outer, i, inner)] = order[i];
    }
  }
  return true;
}

llvm::ArrayRef<EvaluateRow> alongAxisRows() {
  static const EvaluateRow rows[] = {
      {"", "ArgMax", argBest<true>}, {"", "ArgMin", argBest<false>}, {"", "CumSum", cumSum, 2},
      {"", "Hardmax", hardmax},      {"", "LogSoftmax", logSoftmax}, {"", "Softmax", softmax},
      {"", "TopK", topK, 2},
  };
  return rows;
}

} // namespace fathom::onnx

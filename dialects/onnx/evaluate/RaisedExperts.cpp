// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts that a graph is raised to: which are chosen, and what they make.

#include "dialects/onnx/Raised.h"

#include "dialects/onnx/evaluate/Functions.h"
#include "dialects/onnx/evaluate/NodeValues.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace fathom::onnx {

using Numbers = SmallVector<double>;

/// The places of the `count` largest, ties going to the first.
static SmallVector<int64_t> findLargest(ArrayRef<double> values, int64_t count) {
  SmallVector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](int64_t a, int64_t b) { return values[a] > values[b]; });
  order.truncate(std::clamp<int64_t>(count, 0, int64_t(order.size())));
  return order;
}

static Numbers score(ArrayRef<double> logits, bool isSoftmax) {
  Numbers scores(logits);
  double sum = 0;
  for (double &value : scores) {
    value = isSoftmax ? std::exp(value - *llvm::max_element(logits)) : sigmoid(value);
    sum += value;
  }
  for (double &value : scores) {
    value /= isSoftmax ? sum : 1;
  }
  return scores;
}

/// Those of groups that are not among the best cannot be chosen.
static void dropGroups(NodeValues &node, MutableArrayRef<double> scores) {
  int64_t groups = node.integer("groups", 1), size = int64_t(scores.size()) / groups;
  int64_t counted = node.string("group_rule", "") == "top2_sum" ? 2 : 1;
  Numbers worths;
  for (int64_t group = 0; group < groups; ++group) {
    ArrayRef<double> own = ArrayRef<double>(scores).slice(group * size, size);
    SmallVector<int64_t> best = findLargest(own, counted);
    worths.push_back(
        std::accumulate(best.begin(), best.end(), 0.0, [&](double sum, int64_t i) { return sum + own[i]; }));
  }
  SmallVector<int64_t> kept = findLargest(worths, node.integer("top_groups", 1));
  for (auto [expert, value] : llvm::enumerate(scores)) {
    value = llvm::is_contained(kept, int64_t(expert) / size) ? value : -INFINITY;
  }
}

/// What the output of each expert is multiplied by.
static Numbers route(NodeValues &node, ArrayRef<double> logits) {
  Numbers scores = score(logits, node.string("scoring", "") == "softmax"), wanted = scores, weights(logits.size(), 0.0);
  for (size_t i = 0; node.has(2) && i < wanted.size(); ++i) {
    wanted[i] += node.in(2).reals[i];
  }
  if (node.string("group_rule", "none") != "none") {
    dropGroups(node, wanted);
  }
  double sum = 0;
  SmallVector<int64_t> chosen = findLargest(wanted, node.integer("top_k", 1));
  for (int64_t expert : chosen) {
    sum += scores[expert];
  }
  for (int64_t expert : chosen) {
    weights[expert] = scores[expert] * node.real("factor", 1) / (node.integer("normalize", 0) != 0 ? sum + 1e-20 : 1);
  }
  return weights;
}

/// A matrix of a stack times a row.
static Numbers multiply(const Array &stack, int64_t expert, ArrayRef<double> row) {
  int64_t outputs = stack.shape[1], inputs = stack.shape[2];
  Numbers out(outputs, 0.0);
  for (int64_t i = 0; i < outputs; ++i) {
    const double *weights = stack.reals.data() + (expert * outputs + i) * inputs;
    out[i] = std::inner_product(row.begin(), row.end(), weights, 0.0);
  }
  return out;
}

static void addExpert(NodeValues &node, int64_t expert, double weight, ArrayRef<double> row, double *sum) {
  Numbers inner = multiply(node.in(3), expert, row), up = multiply(node.in(4), expert, row);
  for (auto [gate, other] : llvm::zip_equal(inner, up)) {
    gate = gate * sigmoid(gate) * other;
  }
  for (double value : multiply(node.in(5), expert, inner)) {
    *sum++ += weight * value;
  }
}

/// x [.., H], logits [.., E], bias [E], gate and up [E, I, H], down [E, H, I].
static bool fits(NodeValues &node) {
  const Array &x = node.in(0), &logits = node.in(1), &gate = node.in(3), &up = node.in(4), &down = node.in(5);
  bool areReal = llvm::all_of(ArrayRef<size_t>{0, 1, 3, 4, 5}, [&](size_t input) {
    return node.in(input).isReal() && node.in(input).rank() >= (input < 3 ? 1 : 3);
  });
  if (!areReal || gate.rank() != 3 || up.shape != gate.shape || logits.shape.back() != gate.shape[0]) {
    return false;
  }
  Extents turned = {gate.shape[0], gate.shape[2], gate.shape[1]};
  int64_t groups = node.integer("groups", 1), experts = gate.shape[0];
  bool fitsBias = !node.has(2) || (node.in(2).isReal() && node.in(2).size() == experts);
  return down.shape == turned && x.shape.back() == gate.shape[2] && experts > 0 && fitsBias && groups > 0 &&
         experts % groups == 0 && logits.size() / experts == x.size() / std::max<int64_t>(gate.shape[2], 1);
}

static bool experts(NodeValues &node) {
  if (!fits(node)) {
    return node.fail("wants rows, logits and stacks of matrices that fit each other");
  }
  const Array &x = node.in(0), &logits = node.in(1);
  int64_t width = x.shape.back(), count = logits.shape.back();
  Array *to = node.make(0, x.element, x.shape);
  for (int64_t row = 0; to && row < logits.size() / count; ++row) {
    Numbers weights = route(node, ArrayRef(logits.reals).slice(row * count, count));
    for (int64_t expert = 0; expert < count; ++expert) {
      if (weights[expert] != 0) {
        addExpert(node, expert, weights[expert], ArrayRef(x.reals).slice(row * width, width),
                  to->reals.data() + row * width);
      }
    }
  }
  return to != nullptr;
}

llvm::ArrayRef<EvaluateRow> raisedExpertRows() {
  static const EvaluateRow rows[] = {{raised::kDomain, raised::kExperts, experts, 2}};
  return rows;
}

} // namespace fathom::onnx

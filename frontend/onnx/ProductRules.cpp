// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that add along axes: products, reductions, norms; and numbers of few bits.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"

#include <map>

namespace fathom::onnx {

using T = proto::TensorProto;

/// Findings where two extents that are multiplied and added differ.
static bool checkDepth(NodeShapes &node, const Extent &a, const Extent &b) {
  bool differ = a.constant() && b.constant() && a != b;
  return !differ || node.fail("multiplies " + llvm::Twine(*a.constant()) + " numbers by " + llvm::Twine(*b.constant()));
}

static bool multiply(NodeShapes &node, size_t left, size_t right, int32_t element) {
  if (!node.ranked(left) || !node.ranked(right)) {
    return node.give(0, element, std::nullopt);
  }
  Shape a = *node.in(left).shape, b = *node.in(right).shape;
  if (a.empty() || b.empty()) {
    return node.fail("multiplies a number, not a matrix");
  }
  bool row = a.size() == 1, column = b.size() == 1;
  if (row) {
    a.insert(a.begin(), Extent(1));
  }
  if (column) {
    b.push_back(Extent(1));
  }
  if (!checkDepth(node, a.back(), b[b.size() - 2])) {
    return false;
  }
  llvm::ArrayRef<Extent> batchA(a), batchB(b);
  std::optional<Shape> shape = node.broadcast(batchA.drop_back(2), batchB.drop_back(2));
  if (!shape) {
    return false;
  }
  if (!row) {
    shape->push_back(a[a.size() - 2]);
  }
  if (!column) {
    shape->push_back(b.back());
  }
  return node.give(0, element, shape);
}

static bool matMul(NodeShapes &node) { return node.checkTypes(0, 1) && multiply(node, 0, 1, node.in(0).element); }
static bool matMulInteger(NodeShapes &node) { return multiply(node, 0, 1, T::INT32); }

static bool gemm(NodeShapes &node) {
  if (!node.checkTypes(0, 1)) {
    return false;
  }
  if (!node.ranked(0) || !node.ranked(1)) {
    return node.give(0, node.in(0).element, std::nullopt);
  }
  if (node.rank(0) != 2 || node.rank(1) != 2) {
    return node.fail("wants two matrices, and has tensors of " + llvm::Twine(node.rank(0)) + " and " +
                     llvm::Twine(node.rank(1)) + " dimensions");
  }
  bool turnA = node.integer("transA", 0) != 0, turnB = node.integer("transB", 0) != 0;
  Shape shape = {node.extent(0, turnA), node.extent(1, !turnB)};
  return checkDepth(node, node.extent(0, !turnA), node.extent(1, turnB)) && node.give(0, node.in(0).element, shape);
}

/// Letters of the terms of an equation, "..." as '.'; spaces dropped.
static std::vector<std::string> termsOf(llvm::StringRef equation) {
  std::vector<std::string> terms(1);
  for (; !equation.empty(); equation = equation.drop_front()) {
    if (equation.starts_with("...") || equation.starts_with("->")) {
      bool dots = equation.starts_with("...");
      dots ? terms.back().push_back('.') : (void)terms.emplace_back();
      equation = equation.drop_front(dots ? 2 : 1);
    } else if (equation.front() == ',') {
      terms.emplace_back();
    } else if (equation.front() != ' ') {
      terms.back().push_back(equation.front());
    }
  }
  return terms;
}

static bool einsum(NodeShapes &node) {
  llvm::StringRef equation = node.string("equation", "");
  std::vector<std::string> terms = termsOf(equation);
  bool written = equation.contains("->"), dots = equation.contains("...");
  if (terms.size() != node.inputCount() + written) {
    return node.fail("has " + llvm::Twine(node.inputCount()) + " inputs for '" + equation.take_front(80) + "'");
  }
  std::map<char, Extent> extents;
  for (size_t i = 0; i < node.inputCount(); ++i) {
    if (!node.ranked(i) || dots || !written) {
      return node.give(0, node.in(0).element, std::nullopt);
    }
    if (terms[i].size() != node.in(i).shape->size()) {
      return node.fail("has an input of " + llvm::Twine(node.rank(i)) + " dimensions for '" + terms[i] + "'");
    }
    for (size_t j = 0; j < terms[i].size(); ++j) {
      const Extent &extent = (*node.in(i).shape)[j];
      auto [entry, isNew] = extents.try_emplace(terms[i][j], extent);
      if (!isNew && !checkDepth(node, entry->second, extent)) {
        return false;
      }
      entry->second = extent.constant() ? extent : entry->second;
    }
  }
  Shape shape;
  for (char letter : terms.back()) {
    auto found = extents.find(letter);
    if (found == extents.end()) {
      return node.fail("gives '" + llvm::Twine(letter) + "', which no input has");
    }
    shape.push_back(found->second);
  }
  return node.give(0, node.in(0).element, shape);
}

static bool reduce(NodeShapes &node) {
  bool isGiven = false;
  std::optional<std::vector<int64_t>> axes = node.list("axes", 1, &isGiven);
  const Value &in = node.in(0);
  if (!in.shape || (isGiven && !axes)) {
    return node.give(0, in.element, std::nullopt);
  }
  if (!isGiven && node.integer("noop_with_empty_axes", 0)) {
    return node.give(0, in.element, in.shape);
  }
  std::vector<bool> dropped(in.shape->size(), !axes || axes->empty());
  for (int64_t given : axes.value_or(std::vector<int64_t>())) {
    std::optional<int64_t> axis = node.axis(given, node.rank(0));
    if (!axis) {
      return false;
    }
    dropped[*axis] = true;
  }
  Shape shape;
  for (size_t i = 0; i < dropped.size(); ++i) {
    if (!dropped[i] || node.integer("keepdims", 1)) {
      shape.push_back(dropped[i] ? Extent(1) : (*in.shape)[i]);
    }
  }
  bool product =
      node.proto().op_type() == "ReduceProd" && in.contents && llvm::is_contained(dropped, true) && dropped.size() == 1;
  std::optional<Extent> all = product ? multiplyAll(*in.contents) : std::nullopt;
  return node.give(0, in.element, shape, all ? std::optional(Shape{*all}) : std::nullopt);
}

static bool like(NodeShapes &node, size_t output, size_t input) {
  return node.give(output, node.in(input).element, node.in(input).shape);
}
static bool norm(NodeShapes &node) { return like(node, 0, 0); }

static bool layerNorm(NodeShapes &node) {
  std::optional<Shape> means = node.in(0).shape;
  if (means) {
    std::optional<int64_t> axis = node.axis(node.integer("axis", -1), node.rank(0));
    if (!axis) {
      return false;
    }
    std::fill(means->begin() + *axis, means->end(), Extent(1));
  }
  return node.give(1, T::FLOAT, means) && node.give(2, T::FLOAT, means) && like(node, 0, 0);
}

/// As the scale, or what `output_dtype` says.
static bool dequantize(NodeShapes &node) {
  auto said = static_cast<int32_t>(node.integer("output_dtype", 0));
  return node.give(0, said ? said : node.in(1).element, node.in(0).shape);
}
static bool quantize(NodeShapes &node) {
  auto said = static_cast<int32_t>(node.integer("output_dtype", T::UINT8));
  return node.give(0, node.has(2) ? node.in(2).element : said, node.in(0).shape);
}
static bool dynamicQuantize(NodeShapes &node) {
  return node.give(1, T::FLOAT, Shape()) && node.give(2, T::UINT8, Shape()) && node.give(0, T::UINT8, node.in(0).shape);
}

llvm::ArrayRef<ShapeRuleRow> productRules() {
  static const ShapeRuleRow rows[] = {
      {"", "DequantizeLinear", dequantize, 2},
      {"", "DynamicQuantizeLinear", dynamicQuantize},
      {"", "Einsum", einsum},
      {"", "Gemm", gemm, 2},
      {"", "GroupNormalization", norm, 3},
      {"", "InstanceNormalization", norm, 3},
      {"", "LayerNormalization", layerNorm, 2},
      {"", "LpNormalization", norm},
      {"", "MatMul", matMul, 2},
      {"", "MatMulInteger", matMulInteger, 2},
      {"", "MeanVarianceNormalization", norm},
      {"", "QuantizeLinear", quantize, 2},
      {"", "RMSNormalization", norm, 2},
      {"", "ReduceL1", reduce},
      {"", "ReduceL2", reduce},
      {"", "ReduceLogSum", reduce},
      {"", "ReduceLogSumExp", reduce},
      {"", "ReduceMax", reduce},
      {"", "ReduceMean", reduce},
      {"", "ReduceMin", reduce},
      {"", "ReduceProd", reduce},
      {"", "ReduceSum", reduce},
      {"", "ReduceSumSquare", reduce},
      // ONNX Runtime's optimizer writes it without its domain.
      {"", "SimplifiedLayerNormalization", layerNorm, 2},
      {"com.microsoft", "SimplifiedLayerNormalization", layerNorm, 2},
  };
  return rows;
}

} // namespace fathom::onnx

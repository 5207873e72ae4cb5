// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from those at its place, and what integers that shapes are made of become by
// them.

#include "frontend/onnx/NodeShapes.h"

#include "llvm/ADT/STLExtras.h"

namespace fathom::onnx {

using T = proto::TensorProto;
using Number = std::optional<Extent>;
using Compute = Number (*)(const Extent &, const Extent &);

/// The numbers of two inputs, if they are known, of which one may have a single one for all.
static std::optional<Shape> combine(NodeShapes &node, size_t a, size_t b, Compute compute) {
  const std::optional<Shape> &left = node.in(a).contents, &right = node.in(b).contents;
  if (!left || !right || (left->size() != right->size() && left->size() != 1 && right->size() != 1)) {
    return std::nullopt;
  }
  Shape numbers;
  size_t count = left->size() == 1 ? right->size() : left->size();
  for (size_t i = 0; i < count; ++i) {
    Number number = compute((*left)[left->size() == 1 ? 0 : i], (*right)[right->size() == 1 ? 0 : i]);
    if (!number) {
      return std::nullopt;
    }
    numbers.push_back(*number);
  }
  return numbers;
}

/// The shape that all inputs from `first` on broadcast to; nothing where one is unknown. False after a finding.
static bool broadcastAll(NodeShapes &node, size_t first, std::optional<Shape> &shape) {
  shape = Shape();
  for (size_t i = first; i < node.inputCount(); ++i) {
    if (!node.ranked(i)) {
      shape.reset();
      return true;
    }
    shape = node.broadcast(*shape, *node.in(i).shape);
    if (!shape) {
      return false;
    }
  }
  return true;
}

/// With the type of input 0, which all have, or `element`.
static bool giveBroadcast(NodeShapes &node, int32_t element = 0, Compute compute = nullptr) {
  for (size_t i = 1; i < node.inputCount(); ++i) {
    if (!node.checkTypes(0, i)) {
      return false;
    }
  }
  std::optional<Shape> shape;
  if (!broadcastAll(node, 0, shape)) {
    return false;
  }
  // Floats are followed where they are made only: their arithmetic is another.
  bool followed = compute && node.inputCount() == 2 && node.in(0).element != T::FLOAT;
  std::optional<Shape> contents = followed ? combine(node, 0, 1, compute) : std::nullopt;
  return node.give(0, element ? element : node.in(0).element, shape, contents);
}

template <int64_t (*Function)(int64_t, int64_t)>
static Number ofConstants(const Extent &a, const Extent &b) {
  bool known = a.constant() && b.constant();
  return known ? Number(Extent(Function(*a.constant(), *b.constant()))) : std::nullopt;
}

static Number subtract(const Extent &a, const Extent &b) {
  Number negative = Extent::multiply(b, -1);
  return negative ? Extent::add(a, *negative) : std::nullopt;
}

/// Rounded to 0, as the format has it of integers, where both are constants.
static Number divide(const Extent &a, const Extent &b) {
  if (b.is(0) || (b.is(-1) && a.is(INT64_MIN))) {
    return std::nullopt;
  }
  return a.constant() && b.constant() ? Number(Extent(*a.constant() / *b.constant())) : Extent::divide(a, b);
}

static Number isEqual(const Extent &a, const Extent &b) {
  bool decided = a == b || Extent::differ(a, b);
  return decided ? Number(Extent(a == b)) : std::nullopt;
}

static int64_t smaller(int64_t a, int64_t b) { return std::min(a, b); }
static int64_t larger(int64_t a, int64_t b) { return std::max(a, b); }
static int64_t bothOf(int64_t a, int64_t b) { return a && b; }
static int64_t eitherOf(int64_t a, int64_t b) { return a || b; }
static int64_t isLess(int64_t a, int64_t b) { return a < b; }
static int64_t isLessOrEqual(int64_t a, int64_t b) { return a <= b; }
static int64_t isGreater(int64_t a, int64_t b) { return a > b; }
static int64_t isGreaterOrEqual(int64_t a, int64_t b) { return a >= b; }

template <Compute compute>
static bool arithmetic(NodeShapes &node) {
  return giveBroadcast(node, 0, compute);
}
template <Compute compute>
static bool comparison(NodeShapes &node) {
  return giveBroadcast(node, T::BOOL, compute);
}
static bool broadcasting(NodeShapes &node) { return giveBroadcast(node); }

/// An exponent may be of another type.
static bool power(NodeShapes &node) {
  std::optional<Shape> shape;
  return broadcastAll(node, 0, shape) && node.give(0, node.in(0).element, shape);
}

static bool same(NodeShapes &node) { return node.give(0, node.in(0).element, node.in(0).shape); }
static bool sameContents(NodeShapes &node) {
  return node.give(0, node.in(0).element, node.in(0).shape, node.in(0).contents);
}
static bool isNaN(NodeShapes &node) { return node.give(0, T::BOOL, node.in(0).shape); }

template <Compute compute>
static bool withConstant(NodeShapes &node, const Extent &constant, int32_t element) {
  std::optional<Shape> numbers;
  if (node.in(0).contents) {
    numbers = Shape();
    for (const Extent &extent : *node.in(0).contents) {
      Number number = compute(extent, constant);
      numbers = number && numbers ? numbers : std::nullopt;
      if (!numbers) {
        break;
      }
      numbers->push_back(*number);
    }
  }
  return node.give(0, element, node.in(0).shape, numbers);
}
static bool negate(NodeShapes &node) { return withConstant<Extent::multiply>(node, -1, node.in(0).element); }
static bool invert(NodeShapes &node) { return withConstant<isEqual>(node, 0, T::BOOL); }

static bool castTo(NodeShapes &node, int32_t element) {
  bool isInteger = element == T::INT64 || element == T::INT32;
  bool keeps = isInteger || (element == T::BOOL && node.in(0).element == T::BOOL);
  return node.give(0, element, node.in(0).shape, keeps ? node.in(0).contents : std::nullopt);
}
static bool cast(NodeShapes &node) { return castTo(node, static_cast<int32_t>(node.integer("to", 0))); }
static bool castLike(NodeShapes &node) { return castTo(node, node.in(1).element); }

/// Of two alternatives the one that a condition of constants chooses.
static std::optional<Shape> choose(NodeShapes &node) {
  std::optional<std::vector<int64_t>> condition = node.integers(0);
  const std::optional<Shape> &yes = node.in(1).contents, &no = node.in(2).contents;
  if (!condition || !yes || !no) {
    return std::nullopt;
  }
  size_t count = std::max({condition->size(), yes->size(), no->size()});
  Shape numbers;
  for (size_t i = 0; i < count; ++i) {
    auto at = [&](const auto &list) { return list[list.size() == 1 ? 0 : i]; };
    bool fits = llvm::all_of(std::initializer_list<size_t>{condition->size(), yes->size(), no->size()},
                             [&](size_t size) { return size == 1 || size == count; });
    if (!fits) {
      return std::nullopt;
    }
    numbers.push_back(at(*condition) ? at(*yes) : at(*no));
  }
  return numbers;
}

static bool where(NodeShapes &node) {
  std::optional<Shape> shape;
  return node.checkTypes(1, 2) && broadcastAll(node, 0, shape) && node.give(0, node.in(1).element, shape, choose(node));
}

static bool dropout(NodeShapes &node) {
  return node.give(1, T::BOOL, node.in(0).shape) && node.give(0, node.in(0).element, node.in(0).shape);
}

llvm::ArrayRef<ShapeRuleRow> elementwiseRules() {
  static const ShapeRuleRow rows[] = {
      {"", "Abs", same},
      {"", "Acos", same},
      {"", "Acosh", same},
      {"", "Add", arithmetic<Extent::add>, 2},
      {"", "And", comparison<ofConstants<bothOf>>, 2},
      {"", "Asin", same},
      {"", "Asinh", same},
      {"", "Atan", same},
      {"", "Atanh", same},
      {"", "BitShift", broadcasting, 2},
      {"", "BitwiseAnd", broadcasting, 2},
      {"", "BitwiseNot", same},
      {"", "BitwiseOr", broadcasting, 2},
      {"", "BitwiseXor", broadcasting, 2},
      {"", "Cast", cast},
      {"", "CastLike", castLike, 2},
      {"", "Ceil", same},
      {"", "Celu", same},
      {"", "Clip", same},
      {"", "Cos", same},
      {"", "Cosh", same},
      {"", "CumSum", same, 2},
      {"", "Div", arithmetic<divide>, 2},
      {"", "Dropout", dropout},
      {"", "Elu", same},
      {"", "Equal", comparison<isEqual>, 2},
      {"", "Erf", same},
      {"", "Exp", same},
      {"", "Floor", same},
      {"", "Gelu", same},
      {"", "Greater", comparison<ofConstants<isGreater>>, 2},
      {"", "GreaterOrEqual", comparison<ofConstants<isGreaterOrEqual>>, 2},
      {"", "HardSigmoid", same},
      {"", "HardSwish", same},
      {"", "Hardmax", same},
      {"", "Identity", sameContents},
      {"", "IsInf", isNaN},
      {"", "IsNaN", isNaN},
      {"", "LeakyRelu", same},
      {"", "Less", comparison<ofConstants<isLess>>, 2},
      {"", "LessOrEqual", comparison<ofConstants<isLessOrEqual>>, 2},
      {"", "Log", same},
      {"", "LogSoftmax", same},
      {"", "Max", arithmetic<ofConstants<larger>>},
      {"", "Mean", broadcasting},
      {"", "Min", arithmetic<ofConstants<smaller>>},
      {"", "Mish", same},
      {"", "Mod", broadcasting, 2},
      {"", "Mul", arithmetic<Extent::multiply>, 2},
      {"", "Neg", negate},
      {"", "Not", invert},
      {"", "Or", comparison<ofConstants<eitherOf>>, 2},
      {"", "PRelu", same, 2},
      {"", "Pow", power, 2},
      {"", "Reciprocal", same},
      {"", "Relu", same},
      {"", "Round", same},
      {"", "Selu", same},
      {"", "Sigmoid", same},
      {"", "Sign", same},
      {"", "Sin", same},
      {"", "Sinh", same},
      {"", "Softmax", same},
      {"", "Softplus", same},
      {"", "Softsign", same},
      {"", "Sqrt", same},
      {"", "Sub", arithmetic<subtract>, 2},
      {"", "Sum", broadcasting},
      {"", "Swish", same},
      {"", "Tan", same},
      {"", "Tanh", same},
      {"", "ThresholdedRelu", same},
      {"", "Trilu", same},
      {"", "Where", where, 3},
      {"", "Xor", comparison<nullptr>},
      {"com.microsoft", "BiasGelu", same},
      {"com.microsoft", "FastGelu", same},
      {"com.microsoft", "Gelu", same},
      {"com.microsoft", "QuickGelu", same},
  };
  return rows;
}

} // namespace fathom::onnx

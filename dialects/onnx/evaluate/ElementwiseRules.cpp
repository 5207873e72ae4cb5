// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from those at its place, of inputs that are broadcast to one shape.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <cmath>
#include <functional>

using namespace mlir;

namespace fathom::onnx {

/// What all inputs broadcast to; nothing after a finding.
static std::optional<Extents> broadcastAll(NodeValues &node) {
  std::optional<Extents> shape = Extents();
  for (size_t i = 0; i < node.inputCount() && shape; ++i) {
    shape = broadcast(*shape, node.in(i).shape);
  }
  if (!shape) {
    node.fail("has inputs of unlike shapes");
  }
  return shape;
}

/// Calls `visit(at, from)` for each element and that of `in` which is broadcast to it.
template <typename Visit>
static void forEachBroadcast(const Array &in, ArrayRef<int64_t> shape, Visit visit) {
  Extents strides = stridesIn(in.shape, shape);
  int64_t at = 0;
  forEachPlace(shape, [&](ArrayRef<int64_t> place) { visit(at++, elementAt(place, strides)); });
}

/// An input's elements, broadcast.
static std::optional<Array> spread(NodeValues &node, const Array &in, ArrayRef<int64_t> shape) {
  std::optional<Array> out = node.makeInner(in.element, shape);
  if (out) {
    forEachBroadcast(in, shape, [&](int64_t at, int64_t from) { out->set(at, in, from); });
  }
  return out;
}

static bool alike(NodeValues &node) {
  for (size_t i = 0; i < node.inputCount(); ++i) {
    if (!node.has(i) || node.in(i).element != node.in(0).element || node.in(i).isSequence()) {
      return node.fail("has inputs of unlike types");
    }
  }
  return true;
}

/// Calls `with(list, number)`, where `number` tells the type that elements are computed in and `list` holds them.
template <typename With>
static bool dispatch(NodeValues &node, const Array &in, With with) {
  if (in.isReal()) {
    with(&Array::reals, double());
  } else if (in.isNatural()) {
    with(&Array::integers, uint64_t());
  } else if (in.isInteger()) {
    with(&Array::integers, int64_t());
  } else {
    return node.fail("wants numbers");
  }
  return true;
}

/// One input after the other, from the first on.
template <typename Op>
static bool arithmetic(NodeValues &node) {
  std::optional<Extents> shape = alike(node) ? broadcastAll(node) : std::nullopt;
  std::optional<Array> out = shape ? spread(node, node.in(0), *shape) : std::nullopt;
  return out &&
         dispatch(node, *out,
                  [&](auto list, auto zero) {
                    using Number = decltype(zero);
                    for (size_t i = 1; i < node.inputCount(); ++i) {
                      const Array &in = node.in(i);
                      forEachBroadcast(in, *shape, [&](int64_t at, int64_t from) {
                        auto &to = ((*out).*list)[at];
                        to = Op::apply(Number(to), Number((in.*list)[from]));
                      });
                    }
                  }) &&
         node.give(0, std::move(*out));
}

template <typename Op>
static bool comparison(NodeValues &node) {
  std::optional<Extents> shape = alike(node) ? broadcastAll(node) : std::nullopt;
  std::optional<Array> a = shape ? spread(node, node.in(0), *shape) : std::nullopt;
  Array *out = a ? node.make(0, IntegerType::get(node.op().getContext(), 1), *shape) : nullptr;
  return out && dispatch(node, *a, [&](auto list, auto zero) {
           using Number = decltype(zero);
           const Array &b = node.in(1);
           forEachBroadcast(b, *shape, [&](int64_t at, int64_t from) {
             out->integers[at] = Op::apply(Number(((*a).*list)[at]), Number((b.*list)[from]));
           });
         });
}

namespace {
/// Of numbers of 64 bits; integers wrap around.
template <typename Function>
struct Wrapping {
  static double apply(double a, double b) { return Function()(a, b); }
  template <typename T>
  static T apply(T a, T b) {
    return static_cast<T>(Function()(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  }
};
template <typename Function>
struct Comparing {
  template <typename T>
  static bool apply(T a, T b) {
    return Function()(a, b);
  }
};
/// Floats have no such bits.
template <typename Function>
struct OfBits {
  static double apply(double, double) { return std::nan(""); }
  template <typename T>
  static T apply(T a, T b) {
    return Function()(a, b);
  }
};

using Add = Wrapping<std::plus<>>;
using Subtract = Wrapping<std::minus<>>;
using Multiply = Wrapping<std::multiplies<>>;
using Equal = Comparing<std::equal_to<>>;
struct Divide {
  static double apply(double a, double b) { return a / b; }
  static int64_t apply(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? Subtract::apply(int64_t(0), a) : a / b; }
  static uint64_t apply(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
};
/// What is left has the sign of the divisor.
struct Modulo {
  static double apply(double a, double b) {
    double left = std::fmod(a, b);
    return left != 0 && (left < 0) != (b < 0) ? left + b : left;
  }
  static int64_t apply(int64_t a, int64_t b) {
    int64_t left = remainder(a, b);
    return left != 0 && (left < 0) != (b < 0) ? left + b : left;
  }
  static uint64_t apply(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
  static int64_t remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
};
/// What is left has the sign of what was divided.
struct CModulo {
  static double apply(double a, double b) { return std::fmod(a, b); }
  static int64_t apply(int64_t a, int64_t b) { return Modulo::remainder(a, b); }
  static uint64_t apply(uint64_t a, uint64_t b) { return Modulo::apply(a, b); }
};
/// NaN stays.
struct Largest {
  template <typename T>
  static T apply(T a, T b) {
    return a != a || a > b ? a : b;
  }
};
struct Smallest {
  template <typename T>
  static T apply(T a, T b) {
    return a != a || a < b ? a : b;
  }
};
} // namespace

static bool modulo(NodeValues &node) {
  return node.integer("fmod", 0) ? arithmetic<CModulo>(node) : arithmetic<Modulo>(node);
}

static bool mean(NodeValues &node) {
  std::optional<Extents> shape = alike(node) ? broadcastAll(node) : std::nullopt;
  Array *out = shape && node.in(0).isReal() ? node.make(0, node.in(0).element, *shape) : nullptr;
  auto count = static_cast<double>(node.inputCount());
  for (size_t i = 0; out && i < node.inputCount(); ++i) {
    const Array &in = node.in(i);
    forEachBroadcast(in, *shape, [&](int64_t at, int64_t from) { out->reals[at] += in.reals[from] / count; });
  }
  return out || node.fail("wants floats");
}

/// Strings are equal as well.
static bool equal(NodeValues &node) {
  const Array &a = node.in(0), &b = node.in(1);
  if (a.strings.empty() || b.strings.empty()) {
    return comparison<Equal>(node);
  }
  std::optional<Extents> shape = broadcastAll(node);
  Array *out = shape ? node.make(0, IntegerType::get(node.op().getContext(), 1), *shape) : nullptr;
  std::optional<Array> left = out ? spread(node, a, *shape) : std::nullopt;
  if (left) {
    forEachBroadcast(b, *shape,
                     [&](int64_t at, int64_t from) { out->integers[at] = left->strings[at] == b.strings[from]; });
  }
  return left.has_value();
}

static bool bitShift(NodeValues &node) {
  bool left = node.string("direction", "") == "LEFT";
  std::optional<Extents> shape = alike(node) ? broadcastAll(node) : std::nullopt;
  std::optional<Array> out = shape ? spread(node, node.in(0), *shape) : std::nullopt;
  if (!out || !out->isInteger()) {
    return node.fail("wants integers");
  }
  forEachBroadcast(node.in(1), *shape, [&](int64_t at, int64_t from) {
    auto bits = static_cast<uint64_t>(out->integers[at]), by = static_cast<uint64_t>(node.in(1).integers[from]);
    out->integers[at] = static_cast<int64_t>(by > 63 ? 0 : left ? bits << by : bits >> by);
  });
  return node.give(0, std::move(*out));
}

/// By squares; negative powers are those of f64, rounded to 0.
static int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    return truncate(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  uint64_t result = 1, square = static_cast<uint64_t>(base);
  for (; exponent > 0; exponent /= 2, square *= square) {
    result *= exponent % 2 != 0 ? square : 1;
  }
  return static_cast<int64_t>(result);
}

/// The exponent may be of another type; the result is of the base's.
static bool pow(NodeValues &node) {
  std::optional<Extents> shape = broadcastAll(node);
  std::optional<Array> out = shape ? spread(node, node.in(0), *shape) : std::nullopt;
  const Array &exponent = node.in(1);
  if (!out || !(out->isReal() || out->isInteger()) || !(exponent.isReal() || exponent.isInteger())) {
    return node.fail("wants numbers");
  }
  forEachBroadcast(exponent, *shape, [&](int64_t at, int64_t from) {
    if (out->isReal()) {
      out->reals[at] = std::pow(out->reals[at], exponent.real(from));
    } else if (exponent.isInteger()) {
      out->integers[at] = power(out->integers[at], exponent.integers[from]);
    } else {
      out->integers[at] = truncate(std::pow(out->real(at), exponent.reals[from]));
    }
  });
  return node.give(0, std::move(*out));
}

static bool prelu(NodeValues &node) {
  std::optional<Extents> shape = alike(node) ? broadcastAll(node) : std::nullopt;
  std::optional<Array> out = shape ? spread(node, node.in(0), *shape) : std::nullopt;
  const Array &slope = node.in(1);
  return out &&
         dispatch(node, *out,
                  [&](auto list, auto) {
                    forEachBroadcast(slope, *shape, [&](int64_t at, int64_t from) {
                      auto &x = ((*out).*list)[at];
                      x = x < 0 ? x * (slope.*list)[from] : x;
                    });
                  }) &&
         node.give(0, std::move(*out));
}

/// Between two bounds, which may be left out, and of which the lower gives way.
static bool clip(NodeValues &node) {
  Array out = node.in(0);
  for (size_t bound : {1, 2}) {
    const Array &limit = node.in(bound);
    if (node.has(bound) && (limit.element != out.element || limit.size() != 1)) {
      return node.fail("has a bound that is not a number of the same type");
    }
    if (node.has(bound) && !dispatch(node, out, [&](auto list, auto zero) {
          using Number = decltype(zero);
          Number value((limit.*list)[0]);
          for (auto &x : out.*list) {
            x = bound == 1 ? std::max(Number(x), value) : std::min(Number(x), value);
          }
        })) {
      return false;
    }
  }
  return node.give(0, std::move(out));
}

static bool where(NodeValues &node) {
  const Array &condition = node.in(0), &yes = node.in(1), &no = node.in(2);
  std::optional<Extents> shape = broadcastAll(node);
  if (!shape || !condition.isInteger() || yes.element != no.element) {
    return node.fail("has a condition that is not a bool, or alternatives of unlike types");
  }
  std::optional<Array> chosen = spread(node, condition, *shape);
  Array *out = chosen ? node.make(0, yes.element, *shape) : nullptr;
  for (const Array *from : {&yes, &no}) {
    if (out) {
      forEachBroadcast(*from, *shape, [&](int64_t at, int64_t i) {
        (chosen->integers[at] != 0) == (from == &yes) ? out->set(at, *from, i) : void();
      });
    }
  }
  return out != nullptr;
}

llvm::ArrayRef<EvaluateRow> elementwiseRows() {
  static const EvaluateRow rows[] = {
      {"", "Add", arithmetic<Add>, 2},
      {"", "And", comparison<Comparing<std::logical_and<>>>, 2},
      {"", "BitShift", bitShift, 2},
      {"", "BitwiseAnd", arithmetic<OfBits<std::bit_and<>>>, 2},
      {"", "BitwiseOr", arithmetic<OfBits<std::bit_or<>>>, 2},
      {"", "BitwiseXor", arithmetic<OfBits<std::bit_xor<>>>, 2},
      {"", "Clip", clip},
      {"", "Div", arithmetic<Divide>, 2},
      {"", "Equal", equal, 2},
      {"", "Greater", comparison<Comparing<std::greater<>>>, 2},
      {"", "GreaterOrEqual", comparison<Comparing<std::greater_equal<>>>, 2},
      {"", "Less", comparison<Comparing<std::less<>>>, 2},
      {"", "LessOrEqual", comparison<Comparing<std::less_equal<>>>, 2},
      {"", "Max", arithmetic<Largest>},
      {"", "Mean", mean},
      {"", "Min", arithmetic<Smallest>},
      {"", "Mod", modulo, 2},
      {"", "Mul", arithmetic<Multiply>, 2},
      {"", "Or", comparison<Comparing<std::logical_or<>>>, 2},
      {"", "PRelu", prelu, 2},
      {"", "Pow", pow, 2},
      {"", "Sub", arithmetic<Subtract>, 2},
      {"", "Sum", arithmetic<Add>},
      {"", "Where", where, 3},
      {"", "Xor", comparison<Comparing<std::not_equal_to<>>>, 2},
  };
  return rows;
}

} // namespace fathom::onnx

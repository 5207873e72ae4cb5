// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from the one at its place: functions of numbers.

#include "passes/functions/AlongAxis.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace fathom {

using OfNumber = function_ref<Value(Value)>;

static bool map(NodeBuilder &b, OfNumber function) {
  return b.giveMade(b.elementOf(0), b.sizesOf(b.in(0)), [&](ValueRange i) { return function(b.at(b.in(0), i)); });
}

/// Of floats whose functions are polynomials, which f64 has none of.
static bool mapReals(NodeBuilder &b, OfNumber function) {
  if (!b.isReal(0)) {
    return b.fail("integers");
  }
  return b.elementOf(0).isF64() ? b.fail("functions of f64") : map(b, function);
}

/// Of floats of any width.
static bool mapExact(NodeBuilder &b, OfNumber function) { return b.isReal(0) ? map(b, function) : b.fail("integers"); }

template <typename Op>
static bool ofReals(NodeBuilder &b) {
  return mapReals(b, [&](Value x) { return b.create<Op>(x); });
}

template <typename Op>
static bool ofAllReals(NodeBuilder &b) {
  return mapExact(b, [&](Value x) { return b.create<Op>(x); });
}

static Value sigmoid(NodeBuilder &b, Value x) { return b.sigmoid(x); }
static Value onePlus(NodeBuilder &b, Value x) { return b.add(b.constant(x.getType(), 1), x); }

Value gelu(NodeBuilder &b, Value x) {
  Value erf = b.create<math::ErfOp>(b.multiply(x, b.real(M_SQRT1_2)));
  return b.multiply(b.multiply(x, b.real(0.5)), onePlus(b, erf));
}

static Value tanhGelu(NodeBuilder &b, Value x) {
  Value cube = b.multiply(b.multiply(x, b.multiply(x, x)), b.real(0.044715));
  Value tanh = b.create<math::TanhOp>(b.multiply(b.real(M_2_SQRTPI * M_SQRT1_2), b.add(x, cube)));
  return b.multiply(b.multiply(x, b.real(0.5)), onePlus(b, tanh));
}

static Value softplus(NodeBuilder &b, Value x) {
  Value below = b.create<arith::NegFOp>(b.create<math::AbsFOp>(x));
  return b.add(b.larger(x, b.real(0)), b.create<math::Log1pOp>(b.exp(below)));
}

static Value expm1(NodeBuilder &b, Value x) { return b.create<math::ExpM1Op>(x); }

template <Value (*function)(NodeBuilder &, Value)>
static bool ofFunction(NodeBuilder &b) {
  return mapReals(b, [&](Value x) { return function(b, x); });
}

static Value softsign(NodeBuilder &b, Value x) { return b.divide(x, onePlus(b, b.create<math::AbsFOp>(x))); }
static Value reciprocal(NodeBuilder &b, Value x) { return b.divide(b.constant(x.getType(), 1), x); }
static Value mish(NodeBuilder &b, Value x) { return b.multiply(x, b.create<math::TanhOp>(softplus(b, x))); }

/// Halves of e^x and e^-x, and the logarithms that lead back.
static Value sinh(NodeBuilder &b, Value x) { return b.create<math::SinhOp>(x); }
static Value cosh(NodeBuilder &b, Value x) { return b.create<math::CoshOp>(x); }
static Value asinh(NodeBuilder &b, Value x) {
  // Of the absolute, so that nothing is lost where x is negative.
  Value a = b.create<math::AbsFOp>(x), square = b.multiply(a, a);
  Value root = b.create<math::SqrtOp>(onePlus(b, square));
  Value log = b.create<math::Log1pOp>(b.add(a, b.divide(square, onePlus(b, root))));
  return b.create<math::CopySignOp>(log, x);
}
static Value acosh(NodeBuilder &b, Value x) {
  Value square = b.subtract(b.multiply(x, x), b.real(1));
  return b.create<math::LogOp>(b.add(x, b.create<math::SqrtOp>(square)));
}
static Value atanh(NodeBuilder &b, Value x) {
  Value twice = b.divide(b.multiply(b.real(2), x), b.subtract(b.real(1), x));
  return b.multiply(b.real(0.5), b.create<math::Log1pOp>(twice));
}

/// `negative(x)` where x is below 0.
static bool mapNegative(NodeBuilder &b, OfNumber negative) {
  return mapReals(b, [&](Value x) { return b.select(b.less(x, b.zero(x.getType())), negative(x), x); });
}

static bool elu(NodeBuilder &b) {
  Value alpha = b.real(b.number("alpha", 1));
  return mapNegative(b, [&](Value x) { return b.multiply(alpha, expm1(b, x)); });
}

static bool celu(NodeBuilder &b) {
  Value alpha = b.real(b.number("alpha", 1));
  return mapNegative(b, [&](Value x) { return b.multiply(alpha, expm1(b, b.divide(x, alpha))); });
}

static bool selu(NodeBuilder &b) {
  Value alpha = b.real(b.number("alpha", 1.67326319217681884765625));
  Value gamma = b.real(b.number("gamma", 1.05070102214813232421875));
  return mapReals(b, [&](Value x) {
    return b.multiply(gamma, b.select(b.isGreater(x, b.real(0)), x, b.multiply(alpha, expm1(b, x))));
  });
}

static bool leakyRelu(NodeBuilder &b) {
  double alpha = b.number("alpha", 0.01);
  return mapExact(b, [&](Value x) {
    return b.select(b.less(x, b.zero(x.getType())), b.multiply(b.constant(x.getType(), alpha), x), x);
  });
}

static bool thresholdedRelu(NodeBuilder &b) {
  double alpha = b.number("alpha", 1);
  return mapExact(
      b, [&](Value x) { return b.select(b.isGreater(x, b.constant(x.getType(), alpha)), x, b.zero(x.getType())); });
}

static Value clampToUnit(NodeBuilder &b, Value x) {
  Value none = b.zero(x.getType()), one = b.constant(x.getType(), 1);
  Value low = b.select(b.less(x, none), none, x);
  return b.select(b.less(one, low), one, low);
}

static bool hardSigmoid(NodeBuilder &b) {
  double alpha = b.number("alpha", 0.2), beta = b.number("beta", 0.5);
  return mapExact(b, [&](Value x) {
    return clampToUnit(b, b.add(b.multiply(b.constant(x.getType(), alpha), x), b.constant(x.getType(), beta)));
  });
}

static bool hardSwish(NodeBuilder &b) {
  return mapExact(b, [&](Value x) {
    Value scaled = b.divide(x, b.constant(x.getType(), 6));
    return b.multiply(x, clampToUnit(b, b.add(scaled, b.constant(x.getType(), 0.5))));
  });
}

static bool anyGelu(NodeBuilder &b) {
  return b.string("approximate", "none") == "tanh" ? ofFunction<tanhGelu>(b) : ofFunction<gelu>(b);
}

/// x · sigmoid(alpha · x), which has two names.
static bool scaledSilu(NodeBuilder &b, double usual) {
  Value alpha = b.real(b.number("alpha", usual));
  return mapReals(b, [&](Value x) { return b.multiply(x, b.sigmoid(b.multiply(alpha, x))); });
}
static bool swish(NodeBuilder &b) { return scaledSilu(b, 1); }
static bool quickGelu(NodeBuilder &b) { return scaledSilu(b, 1.702); }

/// Of x plus a bias for each of the last axis, where there is one.
template <Value (*function)(NodeBuilder &, Value)>
static bool ofBiased(NodeBuilder &b) {
  if (!b.has(1)) {
    return ofFunction<function>(b);
  }
  NodeBuilder::Values sizes = b.broadcast({b.sizesOf(b.in(0)), b.sizesOf(b.in(1))});
  return b.elementOf(0).isF64() ? b.fail("functions of f64") : b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    return function(b, b.add(b.at(b.in(0), i), b.atBroadcast(b.in(1), sizes, i)));
  });
}

static Value negate(NodeBuilder &b, Value x) { return b.subtract(b.zero(x.getType()), x); }

static bool neg(NodeBuilder &b) {
  return b.isReal(0) ? ofAllReals<arith::NegFOp>(b) : map(b, [&](Value x) { return negate(b, x); });
}

static bool abs(NodeBuilder &b) {
  if (b.isReal(0)) {
    return ofAllReals<math::AbsFOp>(b);
  }
  return map(b,
             [&](Value x) { return b.isNatural(0) ? x : b.select(b.less(x, b.zero(x.getType())), negate(b, x), x); });
}

/// NaN stays.
static bool sign(NodeBuilder &b) {
  return map(b, [&](Value x) {
    Value none = b.zero(x.getType()), one = b.constant(x.getType(), 1);
    Value below = b.isReal(0) || !b.isNatural(0) ? b.select(b.less(x, none), negate(b, one), none) : none;
    Value result = b.select(b.less(none, x, b.isNatural(0)), one, below);
    return b.isReal(0) ? b.select(b.isNaN(x), x, result) : result;
  });
}

static bool relu(NodeBuilder &b) {
  return map(b,
             [&](Value x) { return b.select(b.less(x, b.zero(x.getType()), b.isNatural(0)), b.zero(x.getType()), x); });
}

static bool flip(NodeBuilder &b) {
  return b.isReal(0) ? b.fail("floats")
                     : map(b, [&](Value x) { return b.create<arith::XOrIOp>(x, b.constant(x.getType(), -1)); });
}

static bool logicalNot(NodeBuilder &b) {
  return map(b, [&](Value x) { return b.isNot(x); });
}

template <typename Test>
static bool test(NodeBuilder &b, Test test) {
  return b.isReal(0) ? b.giveMade(b.builder.getI1Type(), b.sizesOf(b.in(0)),
                                  [&](ValueRange i) { return test(b.at(b.in(0), i)); })
                     : b.fail("integers");
}

static bool isNaN(NodeBuilder &b) {
  return test(b, [&](Value x) { return b.isNaN(x); });
}

static bool isInf(NodeBuilder &b) {
  bool positive = b.integer("detect_positive", 1) != 0, negative = b.integer("detect_negative", 1) != 0;
  return test(b, [&](Value x) {
    Value most = b.constant(x.getType(), std::numeric_limits<double>::infinity());
    Value is = b.zero(b.builder.getI1Type());
    is = positive ? b.either(is, b.isEqual(x, most)) : is;
    return negative ? b.either(is, b.isEqual(x, b.create<arith::NegFOp>(most))) : is;
  });
}

static Value reciprocalOf(NodeBuilder &b, Value x) { return reciprocal(b, x); }
static bool anyReciprocal(NodeBuilder &b) {
  return mapExact(b, [&](Value x) { return reciprocalOf(b, x); });
}
static bool anySoftsign(NodeBuilder &b) {
  return mapExact(b, [&](Value x) { return softsign(b, x); });
}

ArrayRef<DecomposeRow> decomposeUnaryRows() {
  static const DecomposeRow rows[] = {
      {"", "Abs", abs},
      {"", "Acos", ofReals<math::AcosOp>},
      {"", "Acosh", ofFunction<acosh>},
      {"", "Asin", ofReals<math::AsinOp>},
      {"", "Asinh", ofFunction<asinh>},
      {"", "Atan", ofReals<math::AtanOp>},
      {"", "Atanh", ofFunction<atanh>},
      {"", "BitwiseNot", flip},
      {"", "Ceil", ofAllReals<math::CeilOp>},
      {"", "Celu", celu},
      {"", "Cos", ofReals<math::CosOp>},
      {"", "Cosh", ofFunction<cosh>},
      {"", "Elu", elu},
      {"", "Erf", ofReals<math::ErfOp>},
      {"", "Exp", ofReals<math::ExpOp>},
      {"", "Floor", ofAllReals<math::FloorOp>},
      {"", "Gelu", anyGelu},
      {"", "HardSigmoid", hardSigmoid},
      {"", "HardSwish", hardSwish},
      {"", "IsInf", isInf},
      {"", "IsNaN", isNaN},
      {"", "LeakyRelu", leakyRelu},
      {"", "Log", ofReals<math::LogOp>},
      {"", "Mish", ofFunction<mish>},
      {"", "Neg", neg},
      {"", "Not", logicalNot},
      {"", "Reciprocal", anyReciprocal},
      {"", "Relu", relu},
      {"", "Round", ofAllReals<math::RoundEvenOp>},
      {"", "Selu", selu},
      {"", "Sigmoid", ofFunction<sigmoid>},
      {"", "Sign", sign},
      {"", "Sin", ofReals<math::SinOp>},
      {"", "Sinh", ofFunction<sinh>},
      {"", "Softplus", ofFunction<softplus>},
      {"", "Softsign", anySoftsign},
      {"", "Sqrt", ofAllReals<math::SqrtOp>},
      {"", "Swish", swish},
      {"", "Tan", ofReals<math::TanOp>},
      {"", "Tanh", ofReals<math::TanhOp>},
      {"", "ThresholdedRelu", thresholdedRelu},
      {"com.microsoft", "BiasGelu", ofBiased<gelu>, 2},
      {"com.microsoft", "FastGelu", ofBiased<tanhGelu>},
      {"com.microsoft", "Gelu", ofFunction<gelu>},
      {"com.microsoft", "QuickGelu", quickGelu},
  };
  return rows;
}

} // namespace fathom

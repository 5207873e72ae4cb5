// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that compute each element from those at its place, of inputs that are broadcast to one shape.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

/// What two numbers become; those of a natural type have no sign.
using Combine = Value (*)(NodeBuilder &b, Value x, Value y, bool natural);

static bool isFloat(Value number) { return isa<FloatType>(number.getType()); }

static SmallVector<NodeBuilder::Values> allSizes(NodeBuilder &b) {
  SmallVector<NodeBuilder::Values> sizes;
  for (size_t i = 0; i < b.inputCount(); ++i) {
    sizes.push_back(b.sizesOf(b.in(i)));
  }
  return sizes;
}

/// One input after the other, from the first on.
static bool fold(NodeBuilder &b, Combine combine, Type element) {
  NodeBuilder::Values sizes = b.broadcast(allSizes(b));
  bool natural = b.isNatural(0);
  return b.giveMade(element, sizes, [&](ValueRange i) {
    Value all = b.atBroadcast(b.in(0), sizes, i);
    for (size_t input = 1; input < b.inputCount(); ++input) {
      all = combine(b, all, b.atBroadcast(b.in(input), sizes, i), natural);
    }
    return all;
  });
}

template <Combine combine>
static bool arithmetic(NodeBuilder &b) {
  return fold(b, combine, b.elementOf(0));
}

template <Combine combine>
static bool ofIntegers(NodeBuilder &b) {
  return b.isReal(0) ? b.fail("floats") : fold(b, combine, b.elementOf(0));
}

template <Combine combine>
static bool comparison(NodeBuilder &b) {
  return fold(b, combine, b.builder.getI1Type());
}

static Value plus(NodeBuilder &b, Value x, Value y, bool) { return b.add(x, y); }
static Value minus(NodeBuilder &b, Value x, Value y, bool) { return b.subtract(x, y); }
static Value times(NodeBuilder &b, Value x, Value y, bool) { return b.multiply(x, y); }
static Value both(NodeBuilder &b, Value x, Value y, bool) { return b.both(x, y); }
static Value either(NodeBuilder &b, Value x, Value y, bool) { return b.either(x, y); }
static Value differ(NodeBuilder &b, Value x, Value y, bool) { return b.create<arith::XOrIOp>(x, y); }
static Value equal(NodeBuilder &b, Value x, Value y, bool) { return b.isEqual(x, y); }
static Value less(NodeBuilder &b, Value x, Value y, bool natural) { return b.less(x, y, natural); }
static Value greater(NodeBuilder &b, Value x, Value y, bool natural) { return b.less(y, x, natural); }
static Value lessOrEqual(NodeBuilder &b, Value x, Value y, bool natural) {
  return b.either(b.less(x, y, natural), b.isEqual(x, y));
}
static Value greaterOrEqual(NodeBuilder &b, Value x, Value y, bool natural) { return lessOrEqual(b, y, x, natural); }

/// NaN stays.
static Value largest(NodeBuilder &b, Value x, Value y, bool natural) {
  Value stays = b.less(y, x, natural);
  return b.select(isFloat(x) ? b.either(b.isNaN(x), stays) : stays, x, y);
}
static Value smallest(NodeBuilder &b, Value x, Value y, bool natural) {
  Value stays = b.less(x, y, natural);
  return b.select(isFloat(x) ? b.either(b.isNaN(x), stays) : stays, x, y);
}

/// A divisor that no processor stops at: by 0 and by -1 integers are divided in another way.
static Value safeDivisor(NodeBuilder &b, Value y, bool natural) {
  Value one = b.constant(y.getType(), 1), isOdd = b.isEqual(y, b.zero(y.getType()));
  Value isMinusOne = b.isEqual(y, b.constant(y.getType(), -1));
  return b.select(natural ? isOdd : b.either(isOdd, isMinusOne), one, y);
}

static Value divide(NodeBuilder &b, Value x, Value y, bool natural) {
  if (isFloat(x)) {
    return b.create<arith::DivFOp>(x, y);
  }
  Value safe = safeDivisor(b, y, natural), none = b.zero(x.getType());
  Value quotient = natural ? Value(b.create<arith::DivUIOp>(x, safe)) : Value(b.create<arith::DivSIOp>(x, safe));
  Value isMinusOne = b.isEqual(y, b.constant(y.getType(), -1));
  quotient = natural ? quotient : b.select(isMinusOne, b.subtract(none, x), quotient);
  return b.select(b.isEqual(y, none), none, quotient);
}

/// What is left has the sign of what was divided. In f64, where quotients of f32 are exact enough to be cut off.
static Value remainder(NodeBuilder &b, Value x, Value y, bool natural) {
  if (!isFloat(x)) {
    Value safe = safeDivisor(b, y, natural);
    return natural ? Value(b.create<arith::RemUIOp>(x, safe)) : Value(b.create<arith::RemSIOp>(x, safe));
  }
  Type wide = b.builder.getF64Type();
  Value p = b.convert(x, x.getType(), wide), q = b.convert(y, y.getType(), wide);
  Value whole = b.create<math::TruncOp>(b.create<arith::DivFOp>(p, q));
  return b.convert(b.fma(b.create<arith::NegFOp>(whole), q, p), wide, x.getType());
}

/// What is left has the sign of the divisor.
static Value modulo(NodeBuilder &b, Value x, Value y, bool natural) {
  Value left = remainder(b, x, y, natural), none = b.zero(x.getType());
  if (natural) {
    return left;
  }
  Value differs = b.create<arith::XOrIOp>(b.less(left, none), b.less(y, none));
  return b.select(b.both(b.isNot(b.isEqual(left, none)), differs), b.add(left, y), left);
}

static bool anyModulo(NodeBuilder &b) {
  return b.integer("fmod", 0) ? arithmetic<remainder>(b) : arithmetic<modulo>(b);
}

static bool mean(NodeBuilder &b) {
  NodeBuilder::Values sizes = b.broadcast(allSizes(b));
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Value sum = b.atBroadcast(b.in(0), sizes, i);
    for (size_t input = 1; input < b.inputCount(); ++input) {
      sum = b.add(sum, b.atBroadcast(b.in(input), sizes, i));
    }
    return b.divide(sum, b.constant(sum.getType(), static_cast<double>(b.inputCount())));
  });
}

template <typename Shift>
static Value shift(NodeBuilder &b, Value x, Value y) {
  Value bits = b.constant(y.getType(), x.getType().getIntOrFloatBitWidth()), none = b.zero(x.getType());
  Value fits = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, y, bits);
  return b.select(fits, b.create<Shift>(x, b.select(fits, y, none)), none);
}
static Value shiftLeft(NodeBuilder &b, Value x, Value y, bool) { return shift<arith::ShLIOp>(b, x, y); }
static Value shiftRight(NodeBuilder &b, Value x, Value y, bool) { return shift<arith::ShRUIOp>(b, x, y); }

static bool bitShift(NodeBuilder &b) {
  return b.string("direction", "") == "LEFT" ? ofIntegers<shiftLeft>(b) : ofIntegers<shiftRight>(b);
}

/// By squares; a negative power of an integer is 0 but for those of 1 and -1.
static Value integerPower(NodeBuilder &b, Value base, Value exponent) {
  Type type = base.getType();
  Value one = b.constant(type, 1), minusOne = b.constant(type, -1), none = b.zero(exponent.getType());
  Value bits = b.index(exponent.getType().getIntOrFloatBitWidth());
  auto step = [&](Value i, ValueRange carried) {
    Value by = b.create<arith::IndexCastOp>(exponent.getType(), i);
    Value bit = b.both(b.create<arith::ShRUIOp>(exponent, by), b.constant(exponent.getType(), 1));
    Value power = b.select(b.isEqual(bit, none), carried[0], b.multiply(carried[0], carried[1]));
    return NodeBuilder::Values{power, b.multiply(carried[1], carried[1])};
  };
  Value power = b.loop(b.index(0), bits, {one, base}, step)[0];
  Value isUnit = b.either(b.isEqual(base, one), b.isEqual(base, minusOne));
  return b.select(b.both(b.less(exponent, none), b.isNot(isUnit)), b.zero(type), power);
}

static Value power(NodeBuilder &b, Value base, Value exponent) {
  Type type = base.getType(), real = isFloat(base) ? type : b.builder.getF32Type();
  if (!isFloat(base) && !isFloat(exponent)) {
    return integerPower(b, base, exponent);
  }
  Value x = b.convert(base, base.getType(), real), y = b.convert(exponent, exponent.getType(), real);
  return b.convert(b.create<math::PowFOp>(x, y), real, type);
}

/// A power that exporters write for a product or a root.
static Value knownPower(NodeBuilder &b, Value base, double exponent) {
  if (exponent == 0.5) {
    return b.create<math::SqrtOp>(base);
  }
  Value all = base;
  for (int i = 1; i < static_cast<int>(exponent); ++i) {
    all = b.multiply(all, base);
  }
  return all;
}

static std::optional<double> knownExponent(NodeBuilder &b) {
  auto constant = b.in(1).getDefiningOp<arith::ConstantOp>();
  auto numbers = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : nullptr;
  if (!numbers || numbers.getNumElements() != 1 || NodeBuilder::rankOf(b.in(1)) > b.rank(0) || !b.isReal(0)) {
    return std::nullopt;
  }
  APFloat number = *numbers.begin();
  bool inexact = false;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  double exponent = number.convertToDouble();
  return exponent == 0.5 || exponent == 1 || exponent == 2 || exponent == 3 || exponent == 4 ? std::optional(exponent)
                                                                                             : std::nullopt;
}

/// The exponent may be of another type; the result is of the base's.
static bool pow(NodeBuilder &b) {
  if (std::optional<double> exponent = knownExponent(b)) {
    return b.giveMade(b.elementOf(0), b.sizesOf(b.in(0)),
                      [&](ValueRange i) { return knownPower(b, b.at(b.in(0), i), *exponent); });
  }
  if (b.elementOf(0).isF64()) {
    return b.fail("powers of f64");
  }
  NodeBuilder::Values sizes = b.broadcast(allSizes(b));
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    return power(b, b.atBroadcast(b.in(0), sizes, i), b.atBroadcast(b.in(1), sizes, i));
  });
}

static Value slope(NodeBuilder &b, Value x, Value y, bool) {
  return b.select(b.less(x, b.zero(x.getType())), b.multiply(x, y), x);
}

/// Between two bounds, which may be left out, and of which the lower gives way.
static bool clip(NodeBuilder &b) {
  for (size_t bound : {1, 2}) {
    if (b.has(bound)) {
      b.checkEqual(b.product(b.sizesOf(b.in(bound))), b.index(1), "has a bound that is not a number");
    }
  }
  bool natural = b.isNatural(0);
  auto bound = [&](size_t input) { return b.at(b.in(input), NodeBuilder::Values(b.rank(input), b.index(0))); };
  return b.giveMade(b.elementOf(0), b.sizesOf(b.in(0)), [&](ValueRange i) {
    Value x = b.at(b.in(0), i);
    if (b.has(1)) {
      Value low = bound(1);
      x = b.select(b.less(x, low, natural), low, x);
    }
    if (b.has(2)) {
      Value high = bound(2);
      x = b.select(b.less(high, x, natural), high, x);
    }
    return x;
  });
}

static bool where(NodeBuilder &b) {
  NodeBuilder::Values sizes = b.broadcast(allSizes(b));
  return b.giveMade(b.elementOf(1), sizes, [&](ValueRange i) {
    return b.select(b.atBroadcast(b.in(0), sizes, i), b.atBroadcast(b.in(1), sizes, i),
                    b.atBroadcast(b.in(2), sizes, i));
  });
}

ArrayRef<DecomposeRow> decomposeElementwiseRows() {
  static const DecomposeRow rows[] = {
      {"", "Add", arithmetic<plus>, 2},
      {"", "And", comparison<both>, 2},
      {"", "BitShift", bitShift, 2},
      {"", "BitwiseAnd", ofIntegers<both>, 2},
      {"", "BitwiseOr", ofIntegers<either>, 2},
      {"", "BitwiseXor", ofIntegers<differ>, 2},
      {"", "Clip", clip},
      {"", "Div", arithmetic<divide>, 2},
      {"", "Equal", comparison<equal>, 2},
      {"", "Greater", comparison<greater>, 2},
      {"", "GreaterOrEqual", comparison<greaterOrEqual>, 2},
      {"", "Less", comparison<less>, 2},
      {"", "LessOrEqual", comparison<lessOrEqual>, 2},
      {"", "Max", arithmetic<largest>},
      {"", "Mean", mean},
      {"", "Min", arithmetic<smallest>},
      {"", "Mod", anyModulo, 2},
      {"", "Mul", arithmetic<times>, 2},
      {"", "Or", comparison<either>, 2},
      {"", "PRelu", arithmetic<slope>, 2},
      {"", "Pow", pow, 2},
      {"", "Sub", arithmetic<minus>, 2},
      {"", "Sum", arithmetic<plus>},
      {"", "Where", where, 3},
      {"", "Xor", comparison<differ>, 2},
  };
  return rows;
}

} // namespace fathom

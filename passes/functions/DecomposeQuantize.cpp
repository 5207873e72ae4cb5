// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of few bits: what they stand for, and how others become such.

#include "passes/functions/NodeBuilder.h"

#include <cmath>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// Finds the scale, and the zero point, that belong to an element: there is one for all, one for each index along an
/// axis, or one for each block of it.
static bool checkScales(NodeBuilder &b, int64_t &axis) {
  auto scale = cast<RankedTensorType>(b.in(1).getType());
  axis = -1;
  if (scale.hasStaticShape() && scale.getNumElements() == 1) {
    return true;
  }
  std::optional<int64_t> counted = b.axis(b.integer("axis", 1), b.rank(0));
  int64_t block = b.integer("block_size", 0);
  if (!counted || block < 0 || b.rank(1) != (block > 0 ? b.rank(0) : 1)) {
    return b.fail("scales that do not fit");
  }
  axis = *counted;
  for (int64_t i = 0; i < b.rank(1); ++i) {
    int64_t of = block > 0 ? i : axis;
    Value size = b.size(b.in(0), of);
    bool isBlocked = block > 0 && of == axis;
    b.checkEqual(isBlocked ? b.divide(b.add(size, block - 1), block) : size, b.size(b.in(1), i),
                 "has scales that do not fit");
  }
  return true;
}

/// Where the scale of the element at `place` is.
static Values scalePlace(NodeBuilder &b, int64_t axis, ValueRange place) {
  if (axis < 0) {
    return Values(b.rank(1), b.index(0));
  }
  int64_t block = b.integer("block_size", 0);
  if (block == 0) {
    return {place[axis]};
  }
  Values of(place);
  of[axis] = b.divide(of[axis], block);
  return of;
}

/// Ends a call where there are not as many zero points as scales.
static bool checkZeros(NodeBuilder &b, int64_t axis) {
  // ONNX Runtime's quantizer gives one as a list and the other as a scalar.
  if (!b.has(2) || (axis < 0 && b.rank(2) == 0)) {
    return true;
  }
  if (b.rank(2) != b.rank(1)) {
    return b.fail("zero points of another rank than the scales'");
  }
  for (int64_t i = 0; i < b.rank(1); ++i) {
    b.checkEqual(b.size(b.in(1), i), b.size(b.in(2), i), "has zero points that do not fit");
  }
  return true;
}

static Value toWide(NodeBuilder &b, Value number, size_t input) {
  return b.convert(number, b.elementOf(input), b.builder.getF64Type());
}

static Value zeroAt(NodeBuilder &b, ValueRange place) {
  return b.has(2) ? toWide(b, b.at(b.in(2), b.rank(2) == 0 ? ValueRange() : place), 2) : b.zero(b.builder.getF64Type());
}

static bool dequantize(NodeBuilder &b) {
  int64_t axis = -1;
  if (!checkScales(b, axis) || !checkZeros(b, axis) || !isa<FloatType>(b.resultElement(0))) {
    return false;
  }
  Type element = b.resultElement(0);
  return b.giveMade(element, b.sizesOf(b.in(0)), [&](ValueRange i) {
    Values of = scalePlace(b, axis, i);
    Value number = b.subtract(toWide(b, b.at(b.in(0), i), 0), zeroAt(b, of));
    return b.convert(b.multiply(number, toWide(b, b.at(b.in(1), of), 1)), b.builder.getF64Type(), element);
  });
}

/// A float of f64, not rounded yet, as the nearest number of a type of integers, of two the even one.
static Value quantizeTo(NodeBuilder &b, Value number, Type element) {
  auto bits = static_cast<int>(element.getIntOrFloatBitWidth());
  bool natural = element.isUnsignedInteger();
  Type wide = b.builder.getF64Type();
  Value least = b.constant(wide, natural ? 0 : -std::ldexp(1, bits - 1));
  Value most = b.constant(wide, std::ldexp(1, natural ? bits : bits - 1) - 1);
  number = b.select(b.less(number, least), least, b.select(b.less(most, number), most, number));
  return b.convert(number, wide, element);
}

/// A quotient is rounded twice: first to the type of floats, where halves of integers come from.
static Value divideRounded(NodeBuilder &b, Value number, Value scale, Type element) {
  Value quotient = b.divide(number, scale);
  Type single = b.builder.getF32Type();
  if (element.isF64()) {
    return quotient;
  }
  Value rounded = b.convert(quotient, b.builder.getF64Type(), single);
  if (element.isBF16()) {
    rounded = b.widenBF16(b.roundToBF16(rounded));
  } else if (element.isF16()) {
    rounded = b.widen(b.create<arith::TruncFOp>(element, rounded), single);
  }
  return b.convert(rounded, single, b.builder.getF64Type());
}

static bool quantize(NodeBuilder &b) {
  int64_t axis = -1;
  Type element = b.resultElement(0);
  if (!checkScales(b, axis) || !checkZeros(b, axis) || !isa<IntegerType>(element) || element.isInteger(1)) {
    return b.fail("floats as numbers of few bits");
  }
  return b.giveMade(element, b.sizesOf(b.in(0)), [&](ValueRange i) {
    Values of = scalePlace(b, axis, i);
    Value scale = toWide(b, b.at(b.in(1), of), 1), number = toWide(b, b.at(b.in(0), i), 0);
    Value whole = b.create<math::RoundEvenOp>(divideRounded(b, number, scale, b.elementOf(1)));
    return quantizeTo(b, b.add(whole, zeroAt(b, of)), element);
  });
}

/// The least and the largest number, and 0, which is always among them.
static Value findExtreme(NodeBuilder &b, bool largest) {
  return b.forEachPlace(b.sizesOf(b.in(0)), b.zero(b.computed(b.elementOf(0))), [&](ValueRange i, Value all) {
    Value number = b.at(b.in(0), i);
    return b.select(largest ? b.less(all, number) : b.less(number, all), number, all);
  });
}

/// To 0..255, of a scale and a zero point such that 0 is a number of them. Both are rounded before they are used.
static bool dynamicQuantize(NodeBuilder &b) {
  if (b.op()->getNumResults() != 3) {
    return b.fail("outputs that are left out");
  }
  Type single = b.builder.getF32Type(), wide = b.builder.getF64Type(), byte = b.resultElement(0);
  Value least = toWide(b, findExtreme(b, false), 0), most = toWide(b, findExtreme(b, true), 0);
  Value scale = b.convert(b.divide(b.subtract(most, least), b.constant(wide, 255)), wide, single);
  Value by = b.convert(b.select(b.isEqual(scale, b.real(0)), b.real(1), scale), single, wide);
  Value middle = divideRounded(b, b.subtract(b.zero(wide), least), by, b.elementOf(0));
  Value zero = quantizeTo(b, b.create<math::RoundEvenOp>(middle), byte), center = b.convert(zero, byte, wide);
  b.giveMade(byte, b.sizesOf(b.in(0)), [&](ValueRange i) {
    Value number = divideRounded(b, toWide(b, b.at(b.in(0), i), 0), by, b.elementOf(0));
    return quantizeTo(b, b.add(b.create<math::RoundEvenOp>(number), center), byte);
  });
  return b.giveMade(single, {}, [&](ValueRange) { return scale; }) &&
         b.giveMade(byte, {}, [&](ValueRange) { return zero; });
}

ArrayRef<DecomposeRow> decomposeQuantizeRows() {
  static const DecomposeRow rows[] = {
      {"", "DequantizeLinear", dequantize, 2},
      {"", "DynamicQuantizeLinear", dynamicQuantize},
      {"", "QuantizeLinear", quantize, 2},
  };
  return rows;
}

} // namespace fathom

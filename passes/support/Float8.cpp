// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the bits of a float to another float's.

#include "passes/support/Float8.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace fathom {

bool isFloat8(Type type) { return isa<Float8E4M3FNType, Float8E4M3FNUZType, Float8E5M2Type, Float8E5M2FNUZType>(type); }

/// `number`, or what a code with these bits stands for that is none.
static Value markOddCodes(StructuredBuilder &b, Value number, Value bits, Value magnitude, FloatType type) {
  Value nan = b.real(std::numeric_limits<float>::quiet_NaN());
  if (isa<Float8E4M3FNType>(type)) {
    return b.select(b.isEqual(magnitude, b.integer(0x7F)), nan, number);
  }
  if (!isa<Float8E5M2Type>(type)) {
    return b.select(b.isEqual(bits, b.integer(0x80)), nan, number);
  }
  Value infinity = b.real(std::numeric_limits<float>::infinity());
  number = b.select(b.isEqual(magnitude, b.integer(0x7C)), infinity, number);
  return b.select(b.isGreater(magnitude, b.integer(0x7C)), nan, number);
}

Value decodeFloat8(StructuredBuilder &b, Value code, FloatType type) {
  Type i8 = b.builder.getI8Type(), i32 = b.builder.getI32Type(), f32 = b.builder.getF32Type();
  auto mantissa = static_cast<int32_t>(type.getFPMantissaWidth()) - 1;
  int32_t bias = 1 - llvm::APFloat::semanticsMinExponent(type.getFloatSemantics());
  bool isCode = getElementTypeOrSelf(code) == i8;
  Value bits = b.widen(isCode ? code : b.bitcast(code, i8), i32);
  Value magnitude = b.both(bits, b.integer(0x7F));
  // The exponent's bias becomes 127; what has none is subnormal, a multiple of the least number.
  Value normal = b.bitcast(b.add(b.shiftLeft(magnitude, 23 - mantissa), b.integer((127 - bias) << 23)), f32);
  Value isNormal = b.isGreater(magnitude, b.integer((1 << mantissa) - 1));
  Value number =
      b.select(isNormal, normal, b.multiply(b.toReal(magnitude), b.real(std::ldexp(1.0, 1 - bias - mantissa))));
  number = markOddCodes(b, number, bits, magnitude, type);
  Value sign = b.shiftLeft(b.both(bits, b.integer(0x80)), 24);
  return b.bitcast(b.either(b.bitcast(number, i32), sign), f32);
}

} // namespace fathom

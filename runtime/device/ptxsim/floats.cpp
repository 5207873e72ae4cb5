// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding to any format, digit by digit: what is not often called.

#include "runtime/device/ptxsim/floats.h"

namespace fathom::runtime::ptxsim {

const FloatFormat *formatOf(Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return &kF16;
  case Type::BF16:
  case Type::BF16x2:
    return &kBF16;
  case Type::E4M3:
  case Type::E4M3x2:
    return &kE4M3;
  case Type::E5M2:
  case Type::E5M2x2:
    return &kE5M2;
  case Type::TF32:
    return &kTF32;
  default:
    return nullptr;
  }
}

/// A magnitude to an integer.
static double roundMagnitude(double value, Rounding rounding, bool negative) {
  double down = std::floor(value), rest = value - down;
  switch (rounding) {
  case Rounding::Zero:
    return down;
  case Rounding::Down:
    return negative && rest != 0 ? down + 1 : down;
  case Rounding::Up:
    return !negative && rest != 0 ? down + 1 : down;
  case Rounding::Away:
    return rest >= 0.5 ? down + 1 : down;
  default:
    return rest > 0.5 || (rest == 0.5 && std::fmod(down, 2) != 0) ? down + 1 : down;
  }
}

static uint32_t overflowed(const FloatFormat &format, Rounding rounding, bool saturate, bool negative) {
  bool staysFinite =
      rounding == Rounding::Zero || (rounding == Rounding::Down && !negative) || (rounding == Rounding::Up && negative);
  return saturate || !format.hasInfinity || staysFinite ? format.most : format.most + 1;
}

uint32_t narrow(double value, const FloatFormat &format, Rounding rounding, bool saturate) {
  if (std::isnan(value)) {
    return format.nan;
  }
  bool negative = std::signbit(value);
  uint32_t sign = uint32_t{negative} << (format.exponentBits + format.mantissaBits);
  double magnitude = std::fabs(value);
  if (magnitude == 0) {
    return sign;
  }
  if (std::isinf(magnitude)) {
    return sign | (saturate || !format.hasInfinity ? format.most : format.most + 1);
  }
  int bias = (1 << (format.exponentBits - 1)) - 1, exponent = 0;
  std::frexp(magnitude, &exponent);
  // Of the unit in the last place.
  int unit = std::max(exponent - 1, 1 - bias) - format.mantissaBits;
  double rounded = roundMagnitude(std::ldexp(magnitude, -unit), rounding, negative);
  if (std::ldexp(rounded, unit) > widen(format.most, format)) {
    return sign | overflowed(format, rounding, saturate, negative);
  }
  // A mantissa that has become one bit longer carries into the exponent.
  auto mantissa = static_cast<uint32_t>(rounded);
  uint32_t exponentCode = static_cast<uint32_t>(unit + format.mantissaBits + bias - 1);
  return sign | ((exponentCode << format.mantissaBits) + mantissa);
}

double widen(uint32_t code, const FloatFormat &format) {
  uint32_t mantissaMask = (1u << format.mantissaBits) - 1, exponentMask = (1u << format.exponentBits) - 1;
  uint32_t mantissa = code & mantissaMask, exponent = code >> format.mantissaBits & exponentMask;
  double sign = (code >> (format.exponentBits + format.mantissaBits) & 1) != 0 ? -1.0 : 1.0;
  int bias = (1 << (format.exponentBits - 1)) - 1;
  if (format.hasInfinity && exponent == exponentMask) {
    return mantissa == 0 ? sign * INFINITY : NAN;
  }
  if (!format.hasInfinity && (code & (exponentMask << format.mantissaBits | mantissaMask)) == format.nan) {
    return NAN;
  }
  int power = static_cast<int>(std::max<uint32_t>(exponent, 1)) - bias - format.mantissaBits;
  uint32_t digits = exponent == 0 ? mantissa : mantissa | (1u << format.mantissaBits);
  return sign * std::ldexp(static_cast<double>(digits), power);
}

} // namespace fathom::runtime::ptxsim

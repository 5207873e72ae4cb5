// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers are taken apart into integers, and rounded on the way back: once, for every pair of formats.

#include "runtime/device/ptxsim/numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace fathom::runtime::ptxsim {

static uint64_t ones(unsigned count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

/// The code of the largest finite number, without unused bits.
static uint64_t largestFinite(const FloatFormat &format) {
  uint64_t lastExponent = ones(format.exponentBits) << format.mantissaBits;
  return format.hasInfinity ? lastExponent - 1 : (lastExponent | ones(format.mantissaBits)) - 1;
}

Unpacked unpackNumber(uint64_t bits, const FloatFormat &format) {
  bits >>= format.lowBits;
  uint64_t magnitude = bits & ones(format.exponentBits + format.mantissaBits);
  Unpacked number;
  number.negative = bits >> (format.exponentBits + format.mantissaBits) & 1;
  if (magnitude > largestFinite(format)) {
    bool infinite = format.hasInfinity && magnitude == largestFinite(format) + 1;
    number.kind = infinite ? Unpacked::Infinite : Unpacked::NotANumber;
    return number;
  }
  int exponent = static_cast<int>(magnitude >> format.mantissaBits);
  number.significand = magnitude & ones(format.mantissaBits);
  if (exponent != 0) {
    number.significand |= uint64_t{1} << format.mantissaBits;
  }
  number.exponent = std::max(exponent, 1) - format.bias() - static_cast<int>(format.mantissaBits);
  return number;
}

/// Whether the magnitude grows when `dropped` of `places` bits go; `odd`: what is left ends in one.
static bool roundsUp(uint64_t dropped, int places, bool odd, bool negative, Rounding rounding) {
  // What is below half of the smallest unit is told from zero only.
  uint64_t half = places <= 64 ? uint64_t{1} << (places - 1) : std::numeric_limits<uint64_t>::max();
  switch (rounding) {
  case Rounding::Nearest:
    return dropped > half || (places <= 64 && dropped == half && odd);
  case Rounding::Away:
    return places <= 64 && dropped >= half;
  case Rounding::Zero:
    return false;
  case Rounding::Down:
    return negative && dropped != 0;
  case Rounding::Up:
    return !negative && dropped != 0;
  }
  return false;
}

/// significand · 2^-places as an integer.
static uint64_t roundOff(uint64_t significand, int places, bool negative, Rounding rounding) {
  if (places <= 0) {
    return significand << -places;
  }
  uint64_t whole = places < 64 ? significand >> places : 0;
  uint64_t dropped = significand & ones(static_cast<unsigned>(places));
  return whole + roundsUp(dropped, places, whole & 1, negative, rounding);
}

/// What stands for a number that is too large.
static uint64_t overflow(const Unpacked &number, const FloatFormat &format, const Conversion &conversion) {
  bool towardZero =
      conversion.rounding == Rounding::Zero || conversion.rounding == (number.negative ? Rounding::Up : Rounding::Down);
  if (conversion.satfinite || (number.kind == Unpacked::Finite && towardZero)) {
    return largestFinite(format);
  }
  return format.hasInfinity ? largestFinite(format) + 1 : format.nan;
}

static uint64_t packMagnitude(const Unpacked &number, const FloatFormat &format, const Conversion &conversion) {
  if (number.kind == Unpacked::Infinite) {
    return overflow(number, format, conversion);
  }
  if (number.significand == 0) {
    return 0;
  }
  int exponent = number.exponent + 63 - std::countl_zero(number.significand);
  int field = std::max(exponent + format.bias(), 1);
  int unit = field - format.bias() - static_cast<int>(format.mantissaBits);
  uint64_t rounded = roundOff(number.significand, unit - number.exponent, number.negative, conversion.rounding);
  // Of a normal number the leading one adds one to the exponent, and so does a carry out of the mantissa.
  uint64_t magnitude = (static_cast<uint64_t>(field - 1) << format.mantissaBits) + rounded;
  return magnitude > largestFinite(format) ? overflow(number, format, conversion) : magnitude;
}

uint64_t packNumber(const Unpacked &number, const FloatFormat &format, const Conversion &conversion) {
  if (number.kind == Unpacked::NotANumber) {
    return format.nan;
  }
  if (number.negative && conversion.relu) {
    return 0;
  }
  uint64_t sign = uint64_t{number.negative} << (format.exponentBits + format.mantissaBits);
  return (sign | packMagnitude(number, format, conversion)) << format.lowBits;
}

uint64_t convert(uint64_t bits, const FloatFormat &from, const FloatFormat &to, const Conversion &conversion) {
  return packNumber(unpackNumber(bits, from), to, conversion);
}

uint32_t convertPair(float upper, float lower, const FloatFormat &to, const Conversion &conversion) {
  uint64_t high = convert(std::bit_cast<uint32_t>(upper), kF32, to, conversion);
  uint64_t low = convert(std::bit_cast<uint32_t>(lower), kF32, to, conversion);
  return static_cast<uint32_t>(high << to.width() | low);
}

uint32_t convertPair(uint32_t bits, const FloatFormat &from, const FloatFormat &to, const Conversion &conversion) {
  uint64_t high = convert(bits >> from.width(), from, to, conversion);
  uint64_t low = convert(bits & ones(from.width()), from, to, conversion);
  return static_cast<uint32_t>(high << to.width() | low);
}

uint64_t fromInteger(uint64_t bits, bool isSigned, const FloatFormat &to, const Conversion &conversion) {
  bool negative = isSigned && bits >> 63;
  return packNumber({Unpacked::Finite, negative, negative ? 0 - bits : bits, 0}, to, conversion);
}

uint64_t toInteger(uint64_t bits, const FloatFormat &from, unsigned width, bool isSigned, Rounding rounding) {
  Unpacked number = unpackNumber(bits, from);
  if (number.kind == Unpacked::NotANumber || (number.kind == Unpacked::Finite && number.significand == 0)) {
    return 0;
  }
  uint64_t positiveLimit = ones(isSigned ? width - 1 : width);
  uint64_t limit = !number.negative ? positiveLimit : isSigned ? positiveLimit + 1 : 0;
  bool large = number.kind == Unpacked::Infinite ||
               number.exponent + 63 - std::countl_zero(number.significand) >= static_cast<int>(width);
  uint64_t magnitude =
      large ? limit : std::min(limit, roundOff(number.significand, -number.exponent, number.negative, rounding));
  return number.negative ? 0 - magnitude : magnitude;
}

float toFloat(uint32_t bits, const FloatFormat &from) {
  return std::bit_cast<float>(static_cast<uint32_t>(convert(bits, from, kF32)));
}

double toDouble(uint64_t bits, const FloatFormat &from) { return std::bit_cast<double>(convert(bits, from, kF64)); }

double sumToOdd(double a, double b) {
  double sum = a + b;
  double bPart = sum - a;
  double error = (a - (sum - bPart)) + (b - bPart);
  uint64_t bits = std::bit_cast<uint64_t>(sum);
  if (!std::isfinite(sum) || error == 0 || bits & 1) {
    return sum;
  }
  return std::bit_cast<double>((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

uint32_t fusedMultiplyAdd(uint32_t a, uint32_t b, uint32_t c, const FloatFormat &format, const Conversion &conversion) {
  double product = toDouble(a, format) * toDouble(b, format);
  double sum = sumToOdd(product, toDouble(c, format));
  return static_cast<uint32_t>(convert(std::bit_cast<uint64_t>(sum), kF64, format, conversion));
}

} // namespace fathom::runtime::ptxsim

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of 8 and 16 bits and TF32, by their bits.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_FLOATS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_FLOATS_H

#include "runtime/device/ptxsim/instruction.h"
#include "runtime/device/ptxsim/numbers.h"

#include <bit>
#include <cmath>

namespace fathom::runtime::ptxsim {

constexpr uint32_t kNanF32 = 0x7fffffff;
constexpr uint16_t kNan16 = 0x7fff;

/// The format of a type of one number, or null if it is a host's or no float.
const FloatFormat *formatOf(Type type);

/// The code that `value` has in a format.
inline uint32_t narrow(double value, const FloatFormat &format, Rounding rounding, bool saturate) {
  return static_cast<uint32_t>(convert(std::bit_cast<uint64_t>(value), kF64, format, {rounding, saturate}));
}

inline float widenBF16(uint16_t code) { return std::bit_cast<float>(uint32_t{code} << 16); }

inline uint16_t narrowBF16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) {
    return kNan16;
  }
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float widenF16(uint16_t code) {
  uint32_t magnitude = uint32_t{code} << 13 & 0x0fffe000;
  // The exponent, moved by a product, which is exact for subnormals too.
  float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bits = (code & 0x7c00) == 0x7c00 ? bits | 0x7f800000 : bits;
  return std::bit_cast<float>(bits | uint32_t{code & 0x8000u} << 16);
}

inline uint16_t narrowF16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return kNan16;
  }
  if (magnitude >= 0x47800000) {
    return static_cast<uint16_t>(sign | 0x7c00);
  }
  if (magnitude < 0x38800000) {
    // Subnormal: the sum has the right unit in the last place.
    float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5f)));
  }
  magnitude += 0xfff + (magnitude >> 13 & 1) - (uint32_t{112} << 23);
  return static_cast<uint16_t>(sign | magnitude >> 13);
}

/// To float, inexact results to the odd neighbor: rounding that once more to a narrower format is rounding once.
inline float toOddFloat(double value) {
  auto nearest = static_cast<float>(value);
  auto bits = std::bit_cast<uint32_t>(nearest);
  if (static_cast<double>(nearest) == value || (bits & 1) != 0 || value != value) {
    return nearest;
  }
  return std::bit_cast<float>(std::fabs(static_cast<double>(nearest)) < std::fabs(value) ? bits + 1 : bits - 1);
}

/// a * b + c, where a * b is exact: inexact results to the odd neighbor.
inline double fmaToOdd(double a, double b, double c) {
  double product = a * b, sum = product + c;
  double back = sum - product;
  double error = (product - (sum - back)) + (c - back);
  auto bits = std::bit_cast<uint64_t>(sum);
  if (error == 0 || error != error || (bits & 1) != 0) {
    return sum;
  }
  return std::bit_cast<double>((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_FLOATS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the elements of matrices are, from the definitions of their formats and not from the simulator's code.

#ifndef FATHOM_TEST_RUNTIME_PTXSIM_PLAIN_NUMBERS_H
#define FATHOM_TEST_RUNTIME_PTXSIM_PLAIN_NUMBERS_H

#include "runtime/device/ptxsim/matrix.h"

#include <bit>
#include <cmath>

namespace fathom::runtime::ptxsim::test {

/// A finite number of a sign, `exponent` bits and `mantissa` bits.
inline double plainFloat(uint32_t bits, int exponent, int mantissa) {
  int bias = (1 << (exponent - 1)) - 1;
  int power = static_cast<int>(bits >> mantissa) & ((1 << exponent) - 1);
  int fraction = static_cast<int>(bits & ((uint32_t{1} << mantissa) - 1));
  double value = power == 0 ? std::ldexp(fraction, 1 - bias - mantissa)
                            : std::ldexp(fraction + (1 << mantissa), power - bias - mantissa);
  return (bits >> (exponent + mantissa) & 1) != 0 ? -value : value;
}

inline double plainValue(uint32_t bits, Element element) {
  switch (element) {
  case Element::F16:
    return plainFloat(bits, 5, 10);
  case Element::Bf16:
    return plainFloat(bits, 8, 7);
  case Element::Tf32: // The lowest 13 bits do not count.
    return plainFloat(bits >> 13, 8, 10);
  case Element::E4m3:
    return plainFloat(bits, 4, 3);
  case Element::E5m2:
    return plainFloat(bits, 5, 2);
  case Element::S8:
    return static_cast<int8_t>(bits);
  case Element::U8:
    return bits;
  case Element::F32:
    return std::bit_cast<float>(bits);
  case Element::S32:
    return static_cast<int32_t>(bits);
  }
  return 0;
}

/// To the nearest number of 16 bits, and of two the even one.
inline uint32_t plainHalf(double value) {
  uint32_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  int power = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  // A fraction that is rounded up to the next power carries into the exponent.
  auto fraction = static_cast<uint32_t>(std::lrint(std::ldexp(magnitude, 10 - power)));
  uint32_t bits = magnitude < 0x1p-14 ? fraction : (static_cast<uint32_t>(power + 15) << 10) + fraction - 1024;
  return sign | (bits < 0x7c00 ? bits : 0x7c00);
}

/// The bits of a sum that is rounded once.
inline uint32_t plainSum(double sum, Element element) {
  if (element == Element::S32) {
    return static_cast<uint32_t>(static_cast<int64_t>(sum));
  }
  return element == Element::F16 ? plainHalf(sum) : std::bit_cast<uint32_t>(static_cast<float>(sum));
}

} // namespace fathom::runtime::ptxsim::test

#endif // FATHOM_TEST_RUNTIME_PTXSIM_PLAIN_NUMBERS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floating-point formats of PTX and conversions between them, bit by bit and not by what the host happens to do.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_NUMBERS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_NUMBERS_H

#include <cstdint>

namespace fathom::runtime::ptxsim {

/// .rn, .rz, .rm, .rp and .rna.
enum class Rounding : uint8_t { Nearest, Zero, Down, Up, Away };

/// A binary format: a sign, an exponent and a mantissa above `lowBits` unused bits.
struct FloatFormat {
  unsigned exponentBits;
  unsigned mantissaBits;
  /// Without infinity (e4m3), all exponents but one code hold numbers.
  bool hasInfinity;
  /// The NaN that instructions give.
  uint64_t nan;
  unsigned lowBits = 0;

  constexpr int bias() const { return (1 << (exponentBits - 1)) - 1; }
  constexpr unsigned width() const { return 1 + exponentBits + mantissaBits + lowBits; }
};

inline constexpr FloatFormat kF64{11, 52, true, 0x7fff'ffff'ffff'ffff};
inline constexpr FloatFormat kF32{8, 23, true, 0x7fff'ffff};
inline constexpr FloatFormat kTf32{8, 10, true, 0x7fff'ffff, 13};
inline constexpr FloatFormat kBf16{8, 7, true, 0x7fff};
inline constexpr FloatFormat kF16{5, 10, true, 0x7fff};
inline constexpr FloatFormat kE5m2{5, 2, true, 0x7f};
inline constexpr FloatFormat kE4m3{4, 3, false, 0x7f};

/// How a conversion ends: .satfinite makes what is too large the largest finite number, .relu negative numbers zero.
struct Conversion {
  Rounding rounding = Rounding::Nearest;
  bool satfinite = false;
  bool relu = false;
};

/// A number taken apart: significand · 2^exponent where it is finite.
struct Unpacked {
  enum Class : uint8_t { Finite, Infinite, NotANumber };
  Class kind = Finite;
  bool negative = false;
  uint64_t significand = 0;
  int exponent = 0;
};

Unpacked unpackNumber(uint64_t bits, const FloatFormat &format);
uint64_t packNumber(const Unpacked &number, const FloatFormat &format, const Conversion &conversion = {});

/// cvt between formats.
uint64_t convert(uint64_t bits, const FloatFormat &from, const FloatFormat &to, const Conversion &conversion = {});
/// cvt of two numbers of f32 to a pair; the first operand is the upper half.
uint32_t convertPair(float upper, float lower, const FloatFormat &to, const Conversion &conversion = {});
/// cvt between pairs, such as e4m3x2 and f16x2.
uint32_t convertPair(uint32_t bits, const FloatFormat &from, const FloatFormat &to, const Conversion &conversion = {});

/// cvt from an integer, given as its 64 bits.
uint64_t fromInteger(uint64_t bits, bool isSigned, const FloatFormat &to, const Conversion &conversion = {});
/// cvt to an integer of `width` bits: what does not fit is clamped, NaN is 0. The result's upper bits are the sign's.
uint64_t toInteger(uint64_t bits, const FloatFormat &from, unsigned width, bool isSigned, Rounding rounding);

/// The values of formats that lie in f32, or in f64.
float toFloat(uint32_t bits, const FloatFormat &from);
double toDouble(uint64_t bits, const FloatFormat &from);

/// The sum rounded to odd: rounding it again to a format of at most 50 bits gives the sum rounded once.
double sumToOdd(double a, double b);

/// a · b + c of f16 or bf16, rounded once.
uint32_t fusedMultiplyAdd(uint32_t a, uint32_t b, uint32_t c, const FloatFormat &format,
                          const Conversion &conversion = {});

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_NUMBERS_H

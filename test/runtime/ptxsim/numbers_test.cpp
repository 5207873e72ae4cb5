// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions are what the definition says: between two neighbors of a format the nearer one, and so on. Every pair of
// neighbors of every format is tried, at both ends, around the middle, with both signs and all roundings.

#include "runtime/device/ptxsim/numbers.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace fathom::runtime::ptxsim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Rounding kRoundings[] = {Rounding::Nearest, Rounding::Away, Rounding::Zero, Rounding::Down, Rounding::Up};

struct NamedFormat {
  const char *name;
  FloatFormat format;
  unsigned exponentBits, mantissaBits, lowBits;
  /// The codes of finite numbers that are not negative, and the largest of them.
  uint64_t codes;
  double largest;
};

void PrintTo(const NamedFormat &format, std::ostream *out) { *out << format.name; }

/// The value of a code by the formula of IEEE 754.
double valueOf(uint64_t code, const NamedFormat &format) {
  int bias = (1 << (format.exponentBits - 1)) - 1;
  auto field = static_cast<int>(code >> format.mantissaBits);
  double fraction = std::ldexp(static_cast<double>(code % (1u << format.mantissaBits)), -int(format.mantissaBits));
  return field == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, field - bias);
}

/// Which of the codes `low` and `low` + 1 stands for x ≥ 0 between them.
uint64_t chosen(double x, uint64_t low, const NamedFormat &format, Rounding rounding, bool negative) {
  double below = valueOf(low, format), above = valueOf(low + 1, format);
  double toBelow = x - below, toAbove = above - x; // exact for neighbors
  if (toBelow == 0 || toAbove == 0) {
    return toBelow == 0 ? low : low + 1;
  }
  switch (rounding) {
  case Rounding::Nearest:
    return toBelow == toAbove ? low + (low & 1) : low + (toAbove < toBelow);
  case Rounding::Away:
    return low + (toAbove <= toBelow);
  case Rounding::Zero:
    return low;
  case Rounding::Down:
    return low + negative;
  case Rounding::Up:
    return low + !negative;
  }
  return 0;
}

uint64_t bitsOf(float x) { return std::bit_cast<uint32_t>(x); }
uint64_t bitsOf(double x) { return std::bit_cast<uint64_t>(x); }

class NumbersTest : public testing::TestWithParam<NamedFormat> {
protected:
  uint64_t signOf(bool negative) const {
    const NamedFormat &to = GetParam();
    return uint64_t{negative} << (to.exponentBits + to.mantissaBits);
  }
  template <typename Float>
  void check(Float x, uint64_t low, const FloatFormat &from) const {
    const NamedFormat &to = GetParam();
    for (Rounding rounding : kRoundings) {
      for (bool negative : {false, true}) {
        uint64_t want = (chosen(x, low, to, rounding, negative) | signOf(negative)) << to.lowBits;
        Float source = negative ? -x : x;
        ASSERT_EQ(convert(bitsOf(source), from, to.format, {rounding}), want) << source << " " << int(rounding);
        ASSERT_EQ(convert(bitsOf(source), from, to.format, {rounding, true, true}), negative ? 0 : want) << source;
      }
    }
  }
  template <typename Float>
  void checkNeighbors(uint64_t low, const FloatFormat &from) const {
    auto below = static_cast<Float>(valueOf(low, GetParam()));
    auto above = static_cast<Float>(valueOf(low + 1, GetParam()));
    auto middle = static_cast<Float>((static_cast<double>(below) + above) / 2);
    auto up = std::numeric_limits<Float>::infinity();
    for (Float x : {below, std::nextafter(below, up), std::nextafter(middle, Float{0}), middle,
                    std::nextafter(middle, up), std::nextafter(above, Float{0}), above}) {
      ASSERT_NO_FATAL_FAILURE(check(x, low, from));
    }
  }
  uint64_t of(double x, const Conversion &conversion) const {
    return convert(bitsOf(x), kF64, GetParam().format, conversion) >> GetParam().lowBits;
  }
};

TEST_P(NumbersTest, ValuesOfCodesAreThoseOfTheFormula) {
  const NamedFormat &format = GetParam();
  for (uint64_t code = 0; code < format.codes; ++code) {
    double value = valueOf(code, format);
    ASSERT_EQ(toDouble(code << format.lowBits, format.format), value) << code;
    ASSERT_EQ(toFloat(static_cast<uint32_t>((code | signOf(true)) << format.lowBits), format.format), -value) << code;
  }
  EXPECT_EQ(valueOf(format.codes - 1, format), format.largest);
}

TEST_P(NumbersTest, EveryNumberIsRoundedToItsNeighbor) {
  for (uint64_t low = 0; low + 1 < GetParam().codes; ++low) {
    ASSERT_NO_FATAL_FAILURE(checkNeighbors<float>(low, kF32));
  }
}

TEST_P(NumbersTest, DoublesAreRoundedOnce) {
  uint64_t step = GetParam().codes > 5000 ? 37 : 1;
  for (uint64_t low = 0; low + 1 < GetParam().codes; low += step) {
    ASSERT_NO_FATAL_FAILURE(checkNeighbors<double>(low, kF64));
  }
}

TEST_P(NumbersTest, WhatIsTooLargeIsInfiniteOrTheLargest) {
  const NamedFormat &format = GetParam();
  uint64_t largest = format.codes - 1;
  uint64_t beyond = format.format.hasInfinity ? largest + 1 : format.format.nan;
  double unit = format.largest - valueOf(largest - 1, format);
  double half = format.largest + unit / 2;
  EXPECT_EQ(of(std::nextafter(half, 0), {}), largest);
  // e4m3's largest code is even, so that a tie goes to it, and others' odd.
  EXPECT_EQ(of(half, {}), largest % 2 == 0 ? largest : beyond);
  for (double x : {std::nextafter(half, kInfinity), 1e300, kInfinity}) {
    EXPECT_EQ(of(x, {}), beyond) << x;
    EXPECT_EQ(of(x, {Rounding::Nearest, true}), largest) << x;
    EXPECT_EQ(of(-x, {Rounding::Nearest, true}), largest | signOf(true)) << x;
    EXPECT_EQ(of(-x, {Rounding::Nearest, true, true}), 0u) << x;
  }
  for (Rounding rounding : {Rounding::Zero, Rounding::Down}) {
    EXPECT_EQ(of(1e300, {rounding}), largest);
    EXPECT_EQ(of(kInfinity, {rounding}), beyond);
  }
  EXPECT_EQ(of(1e300, {Rounding::Up}), beyond);
}

TEST_P(NumbersTest, NaNsAreTheCanonicalOne) {
  const NamedFormat &format = GetParam();
  uint64_t nan = bitsOf(std::numeric_limits<double>::quiet_NaN());
  for (uint64_t bits : {nan, nan | uint64_t{1} << 63, nan | 5}) {
    for (bool flag : {false, true}) {
      EXPECT_EQ(convert(bits, kF64, format.format, {Rounding::Nearest, flag, flag}), format.format.nan);
    }
  }
  EXPECT_TRUE(std::isnan(toFloat(static_cast<uint32_t>(format.format.nan), format.format)));
}

INSTANTIATE_TEST_SUITE_P(Formats, NumbersTest,
                         testing::Values(NamedFormat{"f16", kF16, 5, 10, 0, 0x7c00, 65504},
                                         NamedFormat{"bf16", kBf16, 8, 7, 0, 0x7f80, 0x1.fep127},
                                         NamedFormat{"tf32", kTf32, 8, 10, 13, 0xff << 10, 0x1.ffcp127},
                                         NamedFormat{"e5m2", kE5m2, 5, 2, 0, 0x7c, 57344},
                                         NamedFormat{"e4m3", kE4m3, 4, 3, 0, 0x7f, 448}),
                         [](const auto &info) { return info.param.name; });

TEST(NumberPairsTest, TheFirstOperandIsTheUpperHalf) {
  EXPECT_EQ(convertPair(1.0f, -2.0f, kBf16), 0x3f80'c000u);
  EXPECT_EQ(convertPair(1.0f, -2.0f, kF16), 0x3c00'c000u);
  EXPECT_EQ(convertPair(1.0f, -1000.0f, kE4m3, {Rounding::Nearest, true}), 0x38feu);
  EXPECT_EQ(convertPair(0x3c00'c000u, kF16, kE4m3, {Rounding::Nearest, true}), 0x38c0u);
  EXPECT_EQ(convertPair(0x38c0u, kE4m3, kF16), 0x3c00'c000u);
  EXPECT_EQ(convertPair(0x38c0u, kE4m3, kF16, {Rounding::Nearest, false, true}), 0x3c00'0000u);
}

TEST(IntegersTest, BecomeNumbersRoundedOnce) {
  for (uint64_t x : {uint64_t{0}, uint64_t{1}, uint64_t{0xffffff}, uint64_t{0x1000001}, uint64_t{0x1000003},
                     ~uint64_t{0}, uint64_t{0x7fff'ffff'ffff'fdff}, uint64_t{1} << 63, 0x8000'0080'0000'0001}) {
    EXPECT_EQ(fromInteger(x, false, kF32), bitsOf(static_cast<float>(x))) << x;
    EXPECT_EQ(fromInteger(x, false, kF64), bitsOf(static_cast<double>(x))) << x;
    EXPECT_EQ(fromInteger(x, true, kF32), bitsOf(static_cast<float>(static_cast<int64_t>(x)))) << x;
  }
  EXPECT_EQ(fromInteger(65535, false, kF16), 0x7c00u);
  EXPECT_EQ(fromInteger(0x1000001, false, kF32, {Rounding::Up}), bitsOf(0x1000002p0f));
}

TEST(IntegersTest, AreClampedToTheirWidth) {
  auto to = [](double x, unsigned width, bool isSigned, Rounding rounding) {
    return static_cast<int64_t>(toInteger(bitsOf(x), kF64, width, isSigned, rounding));
  };
  EXPECT_EQ(to(2.5, 32, true, Rounding::Nearest), 2);
  EXPECT_EQ(to(3.5, 32, true, Rounding::Nearest), 4);
  EXPECT_EQ(to(-2.5, 32, true, Rounding::Zero), -2);
  EXPECT_EQ(to(-2.5, 32, true, Rounding::Down), -3);
  EXPECT_EQ(to(-2.5, 32, true, Rounding::Up), -2);
  EXPECT_EQ(to(1e10, 32, true, Rounding::Zero), 0x7fff'ffff);
  EXPECT_EQ(to(-1e10, 32, true, Rounding::Zero), -0x8000'0000ll);
  EXPECT_EQ(to(-1e10, 32, false, Rounding::Zero), 0);
  EXPECT_EQ(to(-0.75, 32, false, Rounding::Nearest), 0);
  EXPECT_EQ(to(4294967295.5, 32, false, Rounding::Nearest), 0xffff'ffffll);
  EXPECT_EQ(to(kInfinity, 64, true, Rounding::Zero), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(to(-kInfinity, 8, true, Rounding::Zero), -128);
  EXPECT_EQ(to(std::nan(""), 32, true, Rounding::Zero), 0);
  EXPECT_EQ(to(1e-300, 32, true, Rounding::Up), 1);
}

TEST(FusedMultiplyAddTest, RoundsOnce) {
  // 1.0078125² = 1 + 2^-6 + 2^-14: the last bit decides a tie of bf16, and a sum that is rounded twice loses it.
  uint32_t x = 0x3f81, one = 0x3f80;
  EXPECT_EQ(fusedMultiplyAdd(x, x, 0, kBf16), convertPair(0, 0x1.0404p0f, kBf16));
  // 1 · 1 + 2^-8 is a tie, and 2^-8 + 2^-133 is not.
  EXPECT_EQ(fusedMultiplyAdd(one, one, 0x3b80, kBf16), one);
  EXPECT_EQ(fusedMultiplyAdd(0x3b80, x, one, kBf16), one + 1);
  // The smallest number of bf16, far below the unit of f64 beside 1 + 2^-8.
  EXPECT_EQ(fusedMultiplyAdd(0x4380, 0x4380, 0x0001, kBf16), 0x4780u);
  EXPECT_EQ(fusedMultiplyAdd(0x3c00, 0xbc00, 0x3c00, kF16), 0u);
  EXPECT_EQ(fusedMultiplyAdd(0x3c00, 0xbc00, 0x3800, kF16, {Rounding::Nearest, false, true}), 0u);
  EXPECT_EQ(fusedMultiplyAdd(0x7c00, 0, 0x3c00, kF16), kF16.nan);
}

TEST(SumToOddTest, KeepsThatSomethingWasLost) {
  EXPECT_EQ(sumToOdd(1, 0x1p-80), std::nextafter(1, 2));
  EXPECT_EQ(sumToOdd(1, -0x1p-80), std::nextafter(1, 0));
  EXPECT_EQ(sumToOdd(-1, -0x1p-80), std::nextafter(-1, -2));
  EXPECT_EQ(sumToOdd(1, 2), 3);
  EXPECT_EQ(sumToOdd(kInfinity, 1), kInfinity);
}

} // namespace
} // namespace fathom::runtime::ptxsim

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding of stored numbers, exhaustively, and the accuracy of elementary functions.

#include "kernels/cpu/weights.h"
#include "kernels/ref/ref.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

namespace fathom::test {

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(NumbersTest, F8E4M3DecodesEveryCodeExactly) {
  for (int code = 0; code < 256; ++code) {
    uint8_t codes[16];
    std::memset(codes, code, sizeof codes);
    float wide = cpu::F8E4M3::decode<16>(codes)[3] * cpu::F8E4M3::kUnit;
    float narrow = cpu::F8E4M3::decode<1>(codes)[0] * cpu::F8E4M3::kUnit;
    // The codes of NaN read as the number their bits would be.
    float want =
        (code & 0x7F) == 0x7F ? (code & 0x80 ? -480.0f : 480.0f) : ref::f8e4m3_to_f32(static_cast<uint8_t>(code));
    EXPECT_EQ(wide, want) << code;
    EXPECT_EQ(std::signbit(wide), std::signbit(want)) << code;
    EXPECT_EQ(narrow, want) << code;
  }
}

TEST(NumbersTest, F8E4M3ReferenceHasTheFormatsLandmarks) {
  EXPECT_EQ(ref::f8e4m3_to_f32(0x01), std::ldexp(1.0f, -9));
  EXPECT_EQ(ref::f8e4m3_to_f32(0x08), std::ldexp(1.0f, -6));
  EXPECT_EQ(ref::f8e4m3_to_f32(0x38), 1.0f);
  EXPECT_EQ(ref::f8e4m3_to_f32(0x7E), 448.0f);
  EXPECT_EQ(ref::f8e4m3_to_f32(0xFE), -448.0f);
  EXPECT_TRUE(std::isnan(ref::f8e4m3_to_f32(0x7F)));
  EXPECT_TRUE(std::isnan(ref::f8e4m3_to_f32(0xFF)));
}

TEST(NumbersTest, Bf16DecodesEveryCodeExactly) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    uint16_t codes[16];
    for (uint16_t &c : codes) {
      c = static_cast<uint16_t>(code);
    }
    float got = cpu::Bf16::decode<16>(codes)[9], want = ref::bf16_to_f32(static_cast<uint16_t>(code));
    ASSERT_EQ(std::memcmp(&got, &want, sizeof got), 0) << code;
    if (!std::isnan(want)) {
      ASSERT_EQ(ref::f32_to_bf16(want), code);
    }
  }
}

/// Distance in units of the last place of the true value.
static double ulps(float got, double want) {
  double unit = std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
  return std::fabs(got - want) / unit;
}

TEST(NumbersTest, ExponentialIsWithinTwoUlps) {
  double worst = 0;
  for (float x = -87.33f; x < 88.72f; x += 0.00037f) {
    worst = std::max(worst, ulps(cpu::exponential(x), std::exp(static_cast<double>(x))));
  }
  EXPECT_LE(worst, 2.0);
  RecordProperty("worst_ulps", std::to_string(worst));
}

TEST(NumbersTest, ExponentialAtTheEnds) {
  EXPECT_EQ(cpu::exponential(-kInfinity), 0.0f);
  EXPECT_EQ(cpu::exponential(-1000.0f), 0.0f);
  EXPECT_EQ(cpu::exponential(-87.34f), 0.0f);
  EXPECT_EQ(cpu::exponential(0.0f), 1.0f);
  EXPECT_EQ(cpu::exponential(89.0f), kInfinity);
  EXPECT_EQ(cpu::exponential(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(cpu::exponential(std::nanf(""))));
}

TEST(NumbersTest, SiluAndSigmoidAreWithinThreeUlps) {
  double worst = 0;
  for (float x = -80.0f; x < 80.0f; x += 0.00053f) {
    double sigmoid = 1.0 / (1.0 + std::exp(-static_cast<double>(x)));
    worst = std::max(worst, ulps(cpu::sigmoid(x)[0], sigmoid));
    if (x != 0) {
      worst = std::max(worst, ulps(cpu::silu(x)[0], x * sigmoid));
    }
  }
  EXPECT_LE(worst, 3.0);
  RecordProperty("worst_ulps", std::to_string(worst));
}

} // namespace fathom::test

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions of floats against host arithmetic, at the edges: zeros, subnormals, infinities, NaNs.

#include "test/runtime/ptxsim/simulator.h"

#include "runtime/device/ptxsim/floats.h"

#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime::ptxsim;
using test::compute;

constexpr float kInfinity = INFINITY;
const float kEdges[] = {
    0.0f, -0.0f,      1.0f,       -1.5f, 0x1p-149f, 0x1.fffffep-127f, 0x1.fffffep127f, kInfinity, -kInfinity,
    NAN,  3.1415927f, 0x1.8p-75f, -7.0f, 1e10f};

uint64_t bits(float value) { return std::bit_cast<uint32_t>(value); }
uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }
/// As a device has it: all NaNs are one.
uint64_t canonical(float value) { return std::isnan(value) ? 0x7fffffff : bits(value); }

std::vector<uint64_t> edges() {
  std::vector<uint64_t> values;
  for (float value : kEdges) {
    values.push_back(bits(value));
  }
  return values;
}

/// `text` with %a32 and %b32 (and 1.25 as %c32) into %d32, for all pairs of the edges.
void expectFloats(const std::string &text, const std::function<float(float, float)> &reference) {
  std::vector<uint64_t> left = edges();
  for (float b : kEdges) {
    std::vector<uint64_t> results = compute(text + " cvt.u64.u32 %d, %d32;", left, std::vector<uint64_t>(32, bits(b)),
                                            std::vector<uint64_t>(32, bits(1.25f)));
    ASSERT_EQ(results.size(), left.size()) << lastReport();
    for (size_t i = 0; i < left.size(); ++i) {
      volatile float a = kEdges[i];
      EXPECT_EQ(results[i], canonical(reference(a, b))) << text << " of " << a << ", " << b;
    }
  }
}

TEST(PtxFloatTest, ArithmeticRoundsAsTheHostDoes) {
  expectFloats("add.f32 %d32, %a32, %b32;", [](float a, float b) { return a + b; });
  expectFloats("sub.rn.f32 %d32, %a32, %b32;", [](float a, float b) { return a - b; });
  expectFloats("mul.rn.f32 %d32, %a32, %b32;", [](float a, float b) { return a * b; });
  expectFloats("div.rn.f32 %d32, %a32, %b32;", [](float a, float b) { return a / b; });
  expectFloats("fma.rn.f32 %d32, %a32, %b32, %c32;", [](float a, float b) { return std::fma(a, b, 1.25f); });
  expectFloats("sqrt.rn.f32 %d32, %a32;", [](float a, float) { return std::sqrt(a); });
  expectFloats("rcp.rn.f32 %d32, %a32;", [](float a, float) { return 1 / a; });
}

TEST(PtxFloatTest, DirectedRounding) {
  auto rounded = [](int mode, float a, float b) {
    std::fesetround(mode);
    volatile float x = a, y = b;
    volatile float product = x * y;
    std::fesetround(FE_TONEAREST);
    return product;
  };
  expectFloats("mul.rz.f32 %d32, %a32, %b32;", [&](float a, float b) { return rounded(FE_TOWARDZERO, a, b); });
  expectFloats("mul.rm.f32 %d32, %a32, %b32;", [&](float a, float b) { return rounded(FE_DOWNWARD, a, b); });
  expectFloats("mul.rp.f32 %d32, %a32, %b32;", [&](float a, float b) { return rounded(FE_UPWARD, a, b); });
}

TEST(PtxFloatTest, FlushingKeepsSigns) {
  auto flush = [](float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; };
  expectFloats("mul.ftz.f32 %d32, %a32, %b32;", [&](float a, float b) { return flush(flush(a) * flush(b)); });
  expectFloats("add.sat.f32 %d32, %a32, %b32;", [](float a, float b) {
    float sum = a + b;
    return sum > 0 ? std::min(sum, 1.0f) : 0.0f;
  });
}

TEST(PtxFloatTest, ExtremesIgnoreOrKeepNans) {
  auto most = [](float a, float b) {
    return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
  };
  expectFloats("max.f32 %d32, %a32, %b32;", most);
  expectFloats("max.NaN.f32 %d32, %a32, %b32;",
               [&](float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : most(a, b); });
}

TEST(PtxFloatTest, ComparisonsOfNans) {
  auto one = [](bool holds) { return std::bit_cast<float>(uint32_t{holds}); };
  const std::string select = " selp.b32 %d32, 1, 0, %p;";
  expectFloats("setp.lt.f32 %p, %a32, %b32;" + select, [&](float a, float b) { return one(a < b); });
  expectFloats("setp.ltu.f32 %p, %a32, %b32;" + select, [&](float a, float b) { return one(!(a >= b)); });
  expectFloats("setp.ne.f32 %p, %a32, %b32;" + select, [&](float a, float b) { return one(a < b || a > b); });
  expectFloats("setp.neu.f32 %p, %a32, %b32;" + select, [&](float a, float b) { return one(a != b); });
  expectFloats("setp.nan.f32 %p, %a32, %b32;" + select,
               [&](float a, float b) { return one(std::isnan(a) || std::isnan(b)); });
}

TEST(PtxFloatTest, DoublesAreExact) {
  EXPECT_EQ(compute("fma.rn.f64 %d, %a, %b, %c;", {bits(1e300)}, {bits(1e-20)}, {bits(3.0)})[0],
            bits(std::fma(1e300, 1e-20, 3.0)));
  EXPECT_EQ(compute("div.rn.f64 %d, %a, %b;", {bits(1.0)}, {bits(3.0)})[0], bits(1.0 / 3.0));
}

TEST(PtxFloatTest, ToIntegersClampAndTakeNanAsZero) {
  const std::vector<uint64_t> values = {bits(NAN), bits(1e20f), bits(-1e20f), bits(2.5f), bits(-3.5f), bits(-0.5f)};
  EXPECT_EQ(compute("cvt.rzi.s32.f32 %d32, %a32; cvt.u64.u32 %d, %d32;", values),
            (std::vector<uint64_t>{0, 0x7fffffff, 0x80000000, 2, 0xfffffffd, 0}));
  EXPECT_EQ(compute("cvt.rni.s32.f32 %d32, %a32; cvt.u64.u32 %d, %d32;", values),
            (std::vector<uint64_t>{0, 0x7fffffff, 0x80000000, 2, 0xfffffffc, 0}));
  EXPECT_EQ(compute("cvt.rpi.u64.f32 %d, %a32;", values),
            (std::vector<uint64_t>{uint64_t{1} << 63, UINT64_MAX, 0, 3, 0, 0}));
}

TEST(PtxFloatTest, FromIntegersRoundOnce) {
  EXPECT_EQ(compute("cvt.rn.f32.u64 %d32, %a; cvt.u64.u32 %d, %d32;", {0x8000008000000001})[0], bits(0x1.000002p63f));
  EXPECT_EQ(compute("cvt.rz.f32.s32 %d32, %a32; cvt.u64.u32 %d, %d32;", {0x7fffffff})[0], bits(0x1.fffffep30f));
}

TEST(PtxFloatTest, Bf16RoundsToEvenAndPacksTheFirstAbove) {
  EXPECT_EQ(compute("cvt.rn.bf16x2.f32 %d32, %a32, %b32; cvt.u64.u32 %d, %d32;",
                    {bits(1.0f), 0x3f808000, 0x3f818000, bits(NAN)}, {bits(-2.0f), 0x3f808001, 0, 0x7f7fffff}),
            (std::vector<uint64_t>{0x3f80c000, 0x3f803f81, 0x3f820000, 0x7fff7f80}));
}

TEST(PtxFloatTest, EveryF16CodeGoesThereAndBack) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    auto half = static_cast<uint16_t>(code);
    float value = widenF16(half);
    bool isNan = (code & 0x7c00) == 0x7c00 && (code & 0x3ff) != 0;
    ASSERT_EQ(std::isnan(value), isNan);
    ASSERT_TRUE(isNan || narrowF16(value) == half) << code;
    ASSERT_TRUE(isNan || static_cast<double>(value) == toDouble(code, kF16)) << code;
    ASSERT_TRUE(isNan || narrow(static_cast<double>(value), kF16, Rounding::Nearest, false) == code) << code;
  }
}

TEST(PtxFloatTest, FastNarrowingAgreesWithTheOneThatCountsDigits) {
  uint32_t state = 1;
  for (int i = 0; i < 200000; ++i) {
    state = state * 1664525 + 1013904223;
    // Exponents around those of f16.
    auto value = std::bit_cast<float>(i % 2 != 0 ? state : (state & 0x8fffffff) | 0x30000000);
    if (std::isnan(value)) {
      continue;
    }
    ASSERT_EQ(narrowF16(value), narrow(static_cast<double>(value), kF16, Rounding::Nearest, false)) << value;
    ASSERT_EQ(narrowBF16(value), narrow(static_cast<double>(value), kBf16, Rounding::Nearest, false)) << value;
  }
}

TEST(PtxFloatTest, Bf16FmaRoundsOnce) {
  // 1.5 * 1.0078125 = 1.51171875, exactly in the middle; the smallest number there is breaks the tie.
  std::vector<uint64_t> results = compute("fma.rn.bf16 %d16, %a16, %b16, %c16; cvt.u64.u16 %d, %d16;",
                                          {0x3fc0, 0x3fc0, 0x3fc0}, {0x3f81, 0x3f81, 0x3f81}, {0x0001, 0x8001, 0x0000});
  EXPECT_EQ(results, (std::vector<uint64_t>{0x3fc2, 0x3fc1, 0x3fc2}));
}

TEST(PtxFloatTest, PairsAreComputedSideBySide) {
  EXPECT_EQ(compute("add.bf16x2 %d32, %a32, %b32; cvt.u64.u32 %d, %d32;", {0x3f804000}, {0x40003f80})[0], 0x40404040u);
  EXPECT_EQ(compute("mul.f16x2 %d32, %a32, %b32; cvt.u64.u32 %d, %d32;", {0x3c004000}, {0x40004200})[0], 0x40004600u);
}

TEST(PtxFloatTest, E4M3SaturatesAndDecodes) {
  EXPECT_EQ(compute("cvt.rn.satfinite.e4m3x2.f32 %d16, %a32, %b32; cvt.u64.u16 %d, %d16;",
                    {bits(1e9f), bits(NAN), bits(0.0009765625f)}, {bits(-448.0f), bits(1.0f), bits(17.0f)}),
            (std::vector<uint64_t>{0x7efe, 0x7f38, 0x0058}));
  EXPECT_EQ(compute("cvt.rn.f16x2.e4m3x2 %d32, %a16; cvt.u64.u32 %d, %d32;", {0x7e38})[0], 0x5f003c00u);
}

TEST(PtxFloatTest, Tf32RoundsTiesAway) {
  EXPECT_EQ(compute("cvt.rna.tf32.f32 %d32, %a32; cvt.u64.u32 %d, %d32;", {0x3f801000, 0x3f800fff, 0xbf801000}),
            (std::vector<uint64_t>{0x3f802000, 0x3f800000, 0xbf802000}));
}

TEST(PtxFloatTest, ApproximationsAreWithinTheirBounds) {
  EXPECT_EQ(compute("ex2.approx.ftz.f32 %d32, %a32; cvt.u64.u32 %d, %d32;",
                    {bits(3.0f), bits(-kInfinity), bits(0x1p-140f), bits(200.0f)}),
            (std::vector<uint64_t>{bits(8.0f), 0, bits(1.0f), bits(kInfinity)}));
  EXPECT_EQ(compute("rsqrt.approx.f32 %d32, %a32; cvt.u64.u32 %d, %d32;", {bits(4.0f), bits(0.0f), bits(-1.0f)}),
            (std::vector<uint64_t>{bits(0.5f), bits(kInfinity), 0x7fffffff}));
}

TEST(PtxFloatTest, ClassesAndSigns) {
  EXPECT_EQ(compute("testp.subnormal.f32 %p, %a32; selp.b64 %d, 1, 0, %p;", {bits(0x1p-130f), bits(1.0f)}),
            (std::vector<uint64_t>{1, 0}));
  EXPECT_EQ(compute("copysign.f32 %d32, %a32, %b32; cvt.u64.u32 %d, %d32;", {bits(-0.0f)}, {bits(3.0f)})[0],
            bits(-3.0f));
}

} // namespace

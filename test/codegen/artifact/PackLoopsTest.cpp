// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packer's inner loops against definitions.

#include "codegen/artifact/PackLoops.h"

#include "test/codegen/artifact/Support.h"

#include <cmath>
#include <cstring>

namespace fathom::codegen::test {

class PackPanel : public testing::TestWithParam<std::tuple<ElementType, int64_t, int64_t>> {};

TEST_P(PackPanel, TransposesEveryElement) {
  auto [type, columns, width] = GetParam();
  uint64_t bytes = byteWidth(type);
  std::vector<uint8_t> rows(width * columns * bytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<uint8_t>(i * 167 + i / 251);
  }
  std::vector<uint8_t> panel(rows.size());
  packPanel(type, rows.data(), columns, width, panel.data());
  for (int64_t k = 0; k < columns; ++k) {
    for (int64_t j = 0; j < width; ++j) {
      ASSERT_EQ(memcmp(&panel[(k * width + j) * bytes], &rows[(j * columns + k) * bytes], bytes), 0)
          << "k=" << k << " j=" << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackPanel,
                         testing::Combine(testing::Values(ElementType::BF16, ElementType::F32, ElementType::F8E4M3),
                                          testing::Values(1, 3, 4, 7, 8, 15, 16, 17, 33, 64, 130),
                                          testing::Values(5, 32, 40)));

TEST(ConvertToF32, DecodesEveryFiniteF8E4M3) {
  for (int i = 0; i < 256; ++i) {
    uint8_t byte = static_cast<uint8_t>(i);
    float value = 0;
    convertToF32(ElementType::F8E4M3, &byte, 1, &value);
    if ((i & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(value));
      continue;
    }
    int exponent = i >> 3 & 15;
    int mantissa = i & 7;
    double magnitude = exponent ? std::ldexp(8 + mantissa, exponent - 10) : std::ldexp(mantissa, -9);
    EXPECT_EQ(value, static_cast<float>(i & 0x80 ? -magnitude : magnitude)) << i;
    EXPECT_EQ(std::signbit(value), i >= 0x80) << i;
  }
}

TEST(ConvertToF32, DecodesEveryF16) {
  for (int i = 0; i < 65536; ++i) {
    uint16_t bits = static_cast<uint16_t>(i);
    float value = 0;
    convertToF32(ElementType::F16, reinterpret_cast<const uint8_t *>(&bits), 1, &value);
    int exponent = i >> 10 & 31;
    int mantissa = i & 1023;
    if (exponent == 31) {
      ASSERT_EQ(std::isnan(value), mantissa != 0) << i;
      ASSERT_EQ(std::isinf(value), mantissa == 0) << i;
      continue;
    }
    double magnitude = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    ASSERT_EQ(value, static_cast<float>(i & 0x8000 ? -magnitude : magnitude)) << i;
  }
}

TEST(CountNonFinite, CountsExactlyTheSpecialValuesOfEachType) {
  std::vector<uint16_t> halves(10000, 0x3f80);
  EXPECT_EQ(countNonFinite(ElementType::BF16, reinterpret_cast<uint8_t *>(halves.data()), 10000), 0u);
  halves[0] = 0x7f80;    // inf
  halves[4095] = 0xff80; // -inf
  halves[4096] = 0x7fc1; // NaN
  halves[9999] = 0xffff; // NaN
  halves[17] = 0x7f7f;   // the largest finite value
  EXPECT_EQ(countNonFinite(ElementType::BF16, reinterpret_cast<uint8_t *>(halves.data()), 10000), 4u);
  std::vector<uint8_t> bytes(300, 0x7e);
  bytes[3] = 0x7f;
  bytes[299] = 0xff;
  EXPECT_EQ(countNonFinite(ElementType::F8E4M3, bytes.data(), 300), 2u);
  float floats[] = {1, INFINITY, -INFINITY, NAN, 3e38f, -0.0f};
  EXPECT_EQ(countNonFinite(ElementType::F32, reinterpret_cast<uint8_t *>(floats), 6), 3u);
  uint16_t f16[] = {0x7bff, 0x7c00, 0xfc00, 0x7c01};
  EXPECT_EQ(countNonFinite(ElementType::F16, reinterpret_cast<uint8_t *>(f16), 4), 3u);
}

TEST(IsPlausibleScale, RefusesNaNInfinityAndNegatives) {
  EXPECT_TRUE(isPlausibleScale(0.0f));
  EXPECT_TRUE(isPlausibleScale(1e-30f));
  EXPECT_FALSE(isPlausibleScale(-1e-30f));
  EXPECT_FALSE(isPlausibleScale(NAN));
  EXPECT_FALSE(isPlausibleScale(INFINITY));
}

} // namespace fathom::codegen::test

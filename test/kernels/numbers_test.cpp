// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding and decoding of stored numbers, exhaustively, and the accuracy of elementary functions.

#include "kernels/cpu/cache_rows.h"
#include "kernels/ref/ref.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

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

TEST(NumbersTest, I8DecodesEveryCodeExactly) {
  for (int number = -128; number < 128; ++number) {
    int8_t codes[16];
    std::memset(codes, number, sizeof codes);
    EXPECT_EQ(cpu::I8::decode<16>(codes)[11], number);
    EXPECT_EQ(cpu::I8::decode<1>(codes)[0], number);
  }
}

TEST(NumbersTest, I8ReferenceRoundsToTheNearestByTheLargestOfAGroup) {
  const float group[] = {-254.0f, 3.0f, 1.0f, -1.0f};
  float scale = ref::scale_of_group(group, 4);
  EXPECT_EQ(scale, 2.0f);
  EXPECT_EQ(ref::f32_to_i8(-254.0f, scale), -127);
  EXPECT_EQ(ref::f32_to_i8(3.0f, scale), 2); // ties, to even
  EXPECT_EQ(ref::f32_to_i8(1.0f, scale), 0);
  const float zeros[] = {0.0f, -0.0f}, tiny[] = {std::ldexp(1.4f * 127, -24)}, lost[] = {std::ldexp(1.0f, -30)},
              huge[] = {std::numeric_limits<float>::max()};
  EXPECT_EQ(ref::scale_of_group(zeros, 2), 0.0f);
  EXPECT_EQ(ref::f32_to_i8(1.0f, 0.0f), 0);
  EXPECT_EQ(ref::scale_of_group(lost, 1), 0.0f);
  // A scale that is subnormal in f16 may be half of what it should be: what does not fit is the largest integer.
  EXPECT_EQ(ref::scale_of_group(tiny, 1), std::ldexp(1.0f, -24));
  EXPECT_EQ(ref::f32_to_i8(-tiny[0], std::ldexp(1.0f, -24)), -127);
  EXPECT_EQ(ref::scale_of_group(huge, 1), 65504.0f);
  EXPECT_EQ(ref::f32_to_i8(-huge[0], 65504.0f), -127);
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

/// Some of all floats, and the neighbors of every FP8 number and of the middle between two.
static std::vector<float> numbers_to_round() {
  std::vector<float> numbers;
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 9973) {
    numbers.push_back(__builtin_bit_cast(float, static_cast<uint32_t>(bits)));
  }
  for (int code = 0; code < 0x7E; ++code) {
    float low = ref::f8e4m3_to_f32(static_cast<uint8_t>(code)),
          high = ref::f8e4m3_to_f32(static_cast<uint8_t>(code + 1));
    for (float place : {low, (low + high) / 2}) {
      numbers.insert(numbers.end(), {place, -place, std::nextafter(place, 0.0f), std::nextafter(place, 1e9f)});
    }
  }
  return numbers;
}

TEST(NumbersTest, F8E4M3AndBf16EncodeAsTheReference) {
  for (float number : numbers_to_round()) {
    ASSERT_EQ(cpu::encode_f8(number)[5], ref::f32_to_f8e4m3(number)) << number;
    ASSERT_EQ(cpu::encode_bf16(number)[5], ref::f32_to_bf16(number)) << number;
    ASSERT_EQ(cpu::round_to_bf16<uint32_t>(number), ref::f32_to_bf16(number)) << number;
  }
}

TEST(NumbersTest, F8E4M3ReferenceRoundsToTheNearest) {
  for (int code = 0; code < 0x7F; ++code) {
    EXPECT_EQ(ref::f32_to_f8e4m3(ref::f8e4m3_to_f32(static_cast<uint8_t>(code))), code);
  }
  EXPECT_EQ(ref::f32_to_f8e4m3(std::ldexp(1.0f, -10)), 0x00); // a tie, to even
  EXPECT_EQ(ref::f32_to_f8e4m3(std::ldexp(3.0f, -10)), 0x02);
  EXPECT_EQ(ref::f32_to_f8e4m3(1.0625f), 0x38);
  EXPECT_EQ(ref::f32_to_f8e4m3(-1.1875f), 0xBA);
  EXPECT_EQ(ref::f32_to_f8e4m3(-0.0f), 0x80);
  EXPECT_EQ(ref::f32_to_f8e4m3(1e9f), 0x7E);
  EXPECT_EQ(ref::f32_to_f8e4m3(-kInfinity), 0xFE);
  EXPECT_EQ(ref::f32_to_f8e4m3(std::nanf("")), 0x7F);
}

TEST(NumbersTest, ScalesArePowersOfTwoThatReachTheLargest) {
  for (auto [largest, scale] : std::vector<std::pair<float, float>>{{448.0f, 1.0f},
                                                                    {std::nextafter(448.0f, 449.0f), 2.0f},
                                                                    {-1.0f, 0x1p-8f},
                                                                    {0.0f, 0x1p-22f}, // as 1e-4
                                                                    {kInfinity, 0x1p119f},
                                                                    {std::nanf(""), 0x1p-22f}}) {
    EXPECT_EQ(ref::scale_of_row_block(&largest, 1), scale) << largest;
    EXPECT_EQ(cpu::power_of_two(cpu::scale_exponent(&largest, 1)), scale) << largest;
  }
}

/// A row of `width` numbers that rounding has trouble with.
static std::vector<float> odd_row(int64_t width, int kind) {
  std::vector<float> row(width);
  for (int64_t i = 0; i < width; ++i) {
    float number = std::sin(static_cast<float>(i * 37 + kind)) * std::exp(static_cast<float>(i % 23 - 11));
    row[i] = kind == 0 ? 0.0f : kind == 1 ? number : kind == 2 ? number * 1e-38f : number * 1e30f;
  }
  if (kind == 3) {
    row[0] = std::nanf("");
    row[width / 2] = kInfinity;
    row[width - 1] = -kInfinity;
  }
  return row;
}

TEST(NumbersTest, RowsEncodeAndDecodeAsTheReference) {
  for (int64_t width : {1, 5, 16, 127, 128, 129, 300, 576}) {
    for (auto [element, tail] : std::vector<std::pair<int64_t, int64_t>>{
             {FATHOM_ROW_F32, 0}, {FATHOM_ROW_BF16, 0}, {FATHOM_ROW_F8E4M3, 0}, {FATHOM_ROW_F8E4M3, (width - 1) / 9}}) {
      for (int kind = 0; kind < 4; ++kind) {
        SCOPED_TRACE(testing::Message() << width << " numbers, format " << element << ", tail " << tail << ", row "
                                        << kind);
        std::vector<float> x = odd_row(width, kind), got(width);
        std::vector<uint8_t> want = ref::encode_row(x.data(), {element, width, tail});
        cpu::RowFormat format = {element, width, tail};
        ASSERT_EQ(format.bytes(), static_cast<int64_t>(want.size()));
        std::vector<float> memory(want.size() / sizeof(float));
        auto *row = reinterpret_cast<char *>(memory.data());
        cpu::encode_row(x.data(), format, row);
        ASSERT_EQ(std::memcmp(row, want.data(), want.size()), 0);
        if (element == FATHOM_ROW_F32) {
          continue;
        }
        std::vector<float> numbers = ref::decode_row(want.data(), {element, width, tail});
        cpu::decode_row(row, format, got.data());
        ASSERT_EQ(std::memcmp(got.data(), numbers.data(), width * sizeof(float)), 0);
        for (int64_t from = 0; from < width - tail; from += 64) {
          int64_t count = std::min<int64_t>(64, width - tail - from);
          cpu::decode_numbers(row, format, from, count, got.data());
          ASSERT_EQ(std::memcmp(got.data(), &numbers[from], count * sizeof(float)), 0) << "from " << from;
        }
        for (int64_t i = 0; i < width; ++i) {
          float number = cpu::decode_number(row, format, i);
          ASSERT_EQ(std::memcmp(&number, &numbers[i], sizeof(float)), 0) << i;
        }
      }
    }
  }
}

TEST(NumbersTest, RowsOfReleasedModelsHaveTheirBytes) {
  EXPECT_EQ(fathom_row_bytes(FATHOM_ROW_F8E4M3, 576, 64), 656); // DeepSeek-V3.2's latent
  EXPECT_EQ(fathom_row_bytes(FATHOM_ROW_F8E4M3, 128, 0), 132);  // its index key
  EXPECT_EQ(fathom_row_bytes(FATHOM_ROW_F8E4M3, 5, 2), 4 + 4 + 4);
  EXPECT_EQ(fathom_row_bytes(FATHOM_ROW_BF16, 3, 0), 8);
  EXPECT_EQ(fathom_row_bytes(FATHOM_ROW_F32, 3, 0), 12);
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

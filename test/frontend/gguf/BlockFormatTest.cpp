// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each block format against its definition: numbers that its codes stand for, written out.

#include "frontend/gguf/BlockFormat.h"

#include "gtest/gtest.h"

#include <vector>

namespace fathom::gguf {

static std::vector<float> dequantize(TypeCode code, const std::vector<uint8_t> &block) {
  const BlockFormat &format = *findFormat(static_cast<uint32_t>(code));
  EXPECT_EQ(block.size(), format.bytes);
  std::vector<float> numbers(format.elements);
  format.dequantize(block.data(), numbers.data());
  return numbers;
}

/// A block that begins with `start`; of what follows, byte `at` is `byte`.
static std::vector<uint8_t> makeBlock(size_t bytes, std::vector<uint8_t> start,
                                      std::vector<std::pair<size_t, uint8_t>> others = {}) {
  start.resize(bytes);
  for (auto [at, byte] : others) {
    start[at] = byte;
  }
  return start;
}

// Halves: 0x3c00 is 1, 0x4000 is 2, 0x3800 is 0.5, 0xbc00 is -1, 0x0001 the smallest, 2^-24.

TEST(BlockFormatTest, Q8_0IsAByteTimesAScale) {
  std::vector<float> numbers = dequantize(TypeCode::Q8_0, makeBlock(34, {0x00, 0x40, 1, 0x80}, {{33, 127}}));
  EXPECT_EQ(numbers[0], 2);
  EXPECT_EQ(numbers[1], -256);
  EXPECT_EQ(numbers[2], 0);
  EXPECT_EQ(numbers[31], 254);
}

TEST(BlockFormatTest, Q4_0HasItsSecondHalfInTheUpperBits) {
  std::vector<float> numbers = dequantize(TypeCode::Q4_0, makeBlock(18, {0x00, 0x3c, 0xf0}));
  EXPECT_EQ(numbers[0], -8);
  EXPECT_EQ(numbers[16], 7);
  EXPECT_EQ(numbers[1], -8);
}

TEST(BlockFormatTest, Q4_1AddsAMinimum) {
  std::vector<float> numbers = dequantize(TypeCode::Q4_1, makeBlock(20, {0x00, 0x40, 0x00, 0xbc, 0x3f}));
  EXPECT_EQ(numbers[0], 29);
  EXPECT_EQ(numbers[16], 5);
  EXPECT_EQ(numbers[1], -1);
}

TEST(BlockFormatTest, Q5_0HasFifthBitsTogether) {
  std::vector<float> numbers = dequantize(TypeCode::Q5_0, makeBlock(22, {0x00, 0x3c, 0x01, 0x00, 0x01, 0x80, 0x10}));
  EXPECT_EQ(numbers[0], 0);  // 16 + 0
  EXPECT_EQ(numbers[16], 1); // 16 + 1
  EXPECT_EQ(numbers[1], -16);
  EXPECT_EQ(numbers[31], 0); // 16 + 0
}

TEST(BlockFormatTest, Q5_1HasFifthBitsAndAMinimum) {
  std::vector<float> numbers = dequantize(TypeCode::Q5_1, makeBlock(24, {0x00, 0x38, 0x00, 0x3c, 0x01, 0, 0, 0, 0x0f}));
  EXPECT_EQ(numbers[0], 16.5f); // 31 / 2 + 1
  EXPECT_EQ(numbers[16], 1);
}

TEST(BlockFormatTest, Q4_KPacksScalesOfSixBits) {
  // Group 0: scale 63, minimum 1. Group 4: scale 1 | 3 << 4, from two bytes, minimum 2.
  std::vector<uint8_t> block = makeBlock(144, {0x00, 0x3c, 0x00, 0x38}, {{4, 0xff}, {8, 0x01}, {12, 0x21}, {16, 0x03}});
  std::vector<float> numbers = dequantize(TypeCode::Q4_K, block);
  EXPECT_EQ(numbers[0], 188.5f); // 63 * 3 - 1 / 2
  EXPECT_EQ(numbers[1], -0.5f);
  block[16 + 64] = 0x02;
  EXPECT_EQ(dequantize(TypeCode::Q4_K, block)[128], 97); // 49 * 2 - 2 / 2
}

TEST(BlockFormatTest, Q5_KGivesEachGroupABitOfEveryByte) {
  std::vector<uint8_t> block = makeBlock(176, {0x00, 0x3c, 0x00, 0x3c}, {{4, 1}, {5, 2}, {16, 0x03}, {48, 0x21}});
  std::vector<float> numbers = dequantize(TypeCode::Q5_K, block);
  EXPECT_EQ(numbers[0], 17);  // (16 + 1) * 1
  EXPECT_EQ(numbers[32], 36); // (16 + 2) * 2
}

TEST(BlockFormatTest, Q6_KSplitsCodesInFourAndTwoBits) {
  std::vector<uint8_t> block =
      makeBlock(210, {}, {{0, 0x2f}, {128, 0xe4}, {192, 1}, {196, 0xff}, {208, 0x00}, {209, 0x3c}});
  std::vector<float> numbers = dequantize(TypeCode::Q6_K, block);
  EXPECT_EQ(numbers[0], -17); // 15 + 16 * 0 - 32
  EXPECT_EQ(numbers[64], -2); // (2 + 16 * 2 - 32) * -1
  EXPECT_EQ(numbers[128], 0);
}

TEST(BlockFormatTest, SubnormalScalesAreExact) {
  EXPECT_EQ(dequantize(TypeCode::Q8_0, makeBlock(34, {0x01, 0x00, 3}))[0], 0x3p-24f);
}

TEST(BlockFormatTest, ProductsAreRoundedBeforeMinimaAreTaken) {
  // 0x3555 · 15 has more digits than f32 and is rounded; a fused product would not be.
  std::vector<float> numbers = dequantize(TypeCode::Q4_1, makeBlock(20, {0x55, 0x35, 0x01, 0x80, 0x0f}));
  volatile float product = 0x1.554p-2f * 15;
  EXPECT_EQ(numbers[0], product + -0x1p-24f);
}

TEST(BlockFormatTest, OtherTypesHaveNamesOnly) {
  EXPECT_EQ(findFormat(10), nullptr);
  EXPECT_EQ(nameOfOther(10), "Q2_K");
  EXPECT_EQ(nameOfOther(12345), "");
}

} // namespace fathom::gguf

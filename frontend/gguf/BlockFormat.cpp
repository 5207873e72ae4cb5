// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/BlockFormat.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

#include <utility>

namespace fathom::gguf {

using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

static float readHalf(const uint8_t *bytes) {
  return static_cast<float>(__builtin_bit_cast(_Float16, read16le(bytes)));
}

/// The two numbers of 4 bits in a byte.
static int low(uint8_t byte) { return byte & 15; }
static int high(uint8_t byte) { return byte >> 4; }

// Each product, and each difference behind one, is rounded to f32: this file is compiled without contraction.

static void dequantizeQ8_0(const uint8_t *block, float *numbers) {
  float scale = readHalf(block);
  for (int i = 0; i < 32; ++i) {
    numbers[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
  }
}

static void dequantizeQ4_0(const uint8_t *block, float *numbers) {
  float scale = readHalf(block);
  for (int i = 0; i < 16; ++i) {
    numbers[i] = static_cast<float>(low(block[2 + i]) - 8) * scale;
    numbers[i + 16] = static_cast<float>(high(block[2 + i]) - 8) * scale;
  }
}

static void dequantizeQ4_1(const uint8_t *block, float *numbers) {
  float scale = readHalf(block), minimum = readHalf(block + 2);
  for (int i = 0; i < 16; ++i) {
    numbers[i] = static_cast<float>(low(block[4 + i])) * scale + minimum;
    numbers[i + 16] = static_cast<float>(high(block[4 + i])) * scale + minimum;
  }
}

/// Number `i` of 32 whose fifth bits lie together, before their low halves.
static int readFiveBits(const uint8_t *bytes, int i) {
  int fifth = static_cast<int>(read32le(bytes) >> i & 1) << 4;
  const uint8_t *halves = bytes + 4;
  return fifth | (i < 16 ? low(halves[i]) : high(halves[i - 16]));
}

static void dequantizeQ5_0(const uint8_t *block, float *numbers) {
  float scale = readHalf(block);
  for (int i = 0; i < 32; ++i) {
    numbers[i] = static_cast<float>(readFiveBits(block + 2, i) - 16) * scale;
  }
}

static void dequantizeQ5_1(const uint8_t *block, float *numbers) {
  float scale = readHalf(block), minimum = readHalf(block + 2);
  for (int i = 0; i < 32; ++i) {
    numbers[i] = static_cast<float>(readFiveBits(block + 4, i)) * scale + minimum;
  }
}

/// Scale and minimum, of 6 bits each, of the `group`-th of 8 groups, in 12 bytes.
static std::pair<int, int> readScaleAndMinimum(const uint8_t *packed, int group) {
  if (group < 4) {
    return {packed[group] & 63, packed[group + 4] & 63};
  }
  uint8_t both = packed[group + 4];
  return {low(both) | packed[group - 4] >> 6 << 4, high(both) | packed[group] >> 6 << 4};
}

/// Blocks of 8 groups of 32, of which two lie in the halves of 32 bytes. `fifths` has the fifth bits of each group in
/// a bit of its own; null: there are none.
static void dequantizeGroups(const uint8_t *block, const uint8_t *fifths, const uint8_t *halves, float *numbers) {
  float scaleUnit = readHalf(block), minimumUnit = readHalf(block + 2);
  for (int group = 0; group < 8; ++group) {
    auto [scaleCode, minimumCode] = readScaleAndMinimum(block + 4, group);
    float scale = scaleUnit * static_cast<float>(scaleCode), minimum = minimumUnit * static_cast<float>(minimumCode);
    for (int i = 0; i < 32; ++i) {
      uint8_t pair = halves[group / 2 * 32 + i];
      int code = (group % 2 == 0 ? low(pair) : high(pair)) | (fifths ? (fifths[i] >> group & 1) << 4 : 0);
      *numbers++ = scale * static_cast<float>(code) - minimum;
    }
  }
}

static void dequantizeQ4_K(const uint8_t *block, float *numbers) {
  dequantizeGroups(block, nullptr, block + 16, numbers);
}

static void dequantizeQ5_K(const uint8_t *block, float *numbers) {
  dequantizeGroups(block, block + 16, block + 48, numbers);
}

static void dequantizeQ6_K(const uint8_t *block, float *numbers) {
  const uint8_t *scales = block + 192;
  float unit = readHalf(block + 208);
  for (int i = 0; i < 256; ++i) {
    // Each half of a block has 64 bytes of low halves and 32 of high bits, which four rows of 32 share.
    int half = i / 128, row = i / 32 % 4, column = i % 32;
    uint8_t pair = block[half * 64 + row % 2 * 32 + column];
    int upper = block[128 + half * 32 + column] >> 2 * row & 3;
    int code = ((row < 2 ? low(pair) : high(pair)) | upper << 4) - 32;
    numbers[i] = unit * static_cast<float>(static_cast<int8_t>(scales[i / 16])) * static_cast<float>(code);
  }
}

static constexpr BlockFormat kFormats[] = {
    {TypeCode::F32, "F32", 1, 4, nullptr},
    {TypeCode::F16, "F16", 1, 2, nullptr},
    {TypeCode::BF16, "BF16", 1, 2, nullptr},
    {TypeCode::Q8_0, "Q8_0", 32, 34, dequantizeQ8_0},
    {TypeCode::Q4_0, "Q4_0", 32, 18, dequantizeQ4_0},
    {TypeCode::Q4_1, "Q4_1", 32, 20, dequantizeQ4_1},
    {TypeCode::Q5_0, "Q5_0", 32, 22, dequantizeQ5_0},
    {TypeCode::Q5_1, "Q5_1", 32, 24, dequantizeQ5_1},
    {TypeCode::Q4_K, "Q4_K", 256, 144, dequantizeQ4_K},
    {TypeCode::Q5_K, "Q5_K", 256, 176, dequantizeQ5_K},
    {TypeCode::Q6_K, "Q6_K", 256, 210, dequantizeQ6_K},
};

static constexpr std::pair<uint32_t, const char *> kOthers[] = {
    {4, "Q4_2"},     {5, "Q4_3"},    {9, "Q8_1"},     {10, "Q2_K"},  {11, "Q3_K"},   {15, "Q8_K"},
    {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
    {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},   {26, "I32"},    {27, "I64"},
    {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},   {35, "TQ2_0"}, {39, "MXFP4"},  {40, "NVFP4"},
};

const BlockFormat *findFormat(uint32_t code) {
  const BlockFormat *found =
      llvm::find_if(kFormats, [&](const BlockFormat &format) { return static_cast<uint32_t>(format.code) == code; });
  return found == std::end(kFormats) ? nullptr : found;
}

llvm::StringRef nameOfOther(uint32_t code) {
  const auto *found = llvm::find_if(kOthers, [&](const auto &other) { return other.first == code; });
  return found == std::end(kOthers) ? "" : found->second;
}

std::string listFormats() {
  return llvm::join(llvm::map_range(kFormats, [](const BlockFormat &format) { return format.name; }), ", ");
}

} // namespace fathom::gguf

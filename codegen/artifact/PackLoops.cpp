// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of the packer.

#include "codegen/artifact/PackLoops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::codegen {

/// A vector register of baseline x86-64.
template <typename Element>
using Vector __attribute__((vector_size(16))) = Element;

template <typename Element>
static constexpr int kLaneCount = 16 / sizeof(Element);

// a0 b0 a1 b1 ... of the lower (upper) halves of two registers.
static void zip(Vector<uint8_t> a, Vector<uint8_t> b, Vector<uint8_t> &low, Vector<uint8_t> &high) {
  low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

static void zip(Vector<uint16_t> a, Vector<uint16_t> b, Vector<uint16_t> &low, Vector<uint16_t> &high) {
  low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

static void zip(Vector<uint32_t> a, Vector<uint32_t> b, Vector<uint32_t> &low, Vector<uint32_t> &high) {
  low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
}

/// Transposes a square of lanes x lanes elements. Zipping register i with register i + lanes/2 rotates the bits of an
/// element's index (row bits, lane bits) by one; after log2(lanes) rounds row and lane have changed places.
template <typename Element>
static void transposeSquare(const Element *source, int64_t sourceStride, Element *result, int64_t resultStride) {
  constexpr int lanes = kLaneCount<Element>;
  Vector<Element> registers[lanes];
  for (int i = 0; i < lanes; ++i) {
    memcpy(&registers[i], source + i * sourceStride, 16);
  }
  for (int round = 1; round < lanes; round *= 2) {
    Vector<Element> zipped[lanes];
    for (int i = 0; i < lanes / 2; ++i) {
      zip(registers[i], registers[i + lanes / 2], zipped[2 * i], zipped[2 * i + 1]);
    }
    memcpy(registers, zipped, sizeof(registers));
  }
  for (int i = 0; i < lanes; ++i) {
    memcpy(result + i * resultStride, &registers[i], 16);
  }
}

template <typename Element>
static void packPanelOf(const Element *rows, int64_t columns, int64_t width, Element *panel) {
  constexpr int64_t lanes = kLaneCount<Element>;
  int64_t wholeColumns = columns - columns % lanes, wholeRows = width - width % lanes;
  for (int64_t k = 0; k < wholeColumns; k += lanes) {
    for (int64_t j = 0; j < wholeRows; j += lanes) {
      transposeSquare(rows + j * columns + k, columns, panel + k * width + j, width);
    }
  }
  for (int64_t k = 0; k < columns; ++k) {
    for (int64_t j = k < wholeColumns ? wholeRows : 0; j < width; ++j) {
      memcpy(&panel[k * width + j], &rows[j * columns + k], sizeof(Element));
    }
  }
}

void packPanel(ElementType type, const uint8_t *rows, int64_t columns, int64_t width, uint8_t *panel) {
  switch (byteWidth(type)) {
  case 1:
    return packPanelOf(rows, columns, width, panel);
  case 2:
    return packPanelOf(reinterpret_cast<const uint16_t *>(rows), columns, width, reinterpret_cast<uint16_t *>(panel));
  default:
    return packPanelOf(reinterpret_cast<const uint32_t *>(rows), columns, width, reinterpret_cast<uint32_t *>(panel));
  }
}

static float fromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/// A small float with sign, `exponentBits` and `mantissaBits`, subnormals included. `special` is the value
/// (without sign) from which on it is infinite or NaN.
static float widen(uint32_t value, int exponentBits, int mantissaBits, uint32_t special) {
  uint32_t sign = value >> (exponentBits + mantissaBits) << 31;
  uint32_t magnitude = value & ((1u << (exponentBits + mantissaBits)) - 1);
  uint32_t shifted = magnitude << (23 - mantissaBits);
  if (magnitude >= special) {
    return fromBits(sign | 0x7f800000u | shifted);
  }
  // The exponent's bias is put right by a multiplication, which is exact and normalizes subnormals.
  int bias = (1 << (exponentBits - 1)) - 1;
  return fromBits(sign | 0x3f800000u) * (fromBits(shifted) * std::ldexp(1.0f, 127 - bias));
}

static float widenF16(uint16_t value) { return widen(value, 5, 10, 0x7c00); }

static float widenF8E4M3(uint8_t value) { return widen(value, 4, 3, 0x7f); }

void convertToF32(ElementType type, const uint8_t *source, int64_t count, float *result) {
  if (type == ElementType::F32) {
    memcpy(result, source, count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits = 0;
    memcpy(&bits, source + i * byteWidth(type), byteWidth(type));
    if (type == ElementType::BF16) {
      result[i] = fromBits(static_cast<uint32_t>(bits) << 16);
    } else {
      result[i] = type == ElementType::F16 ? widenF16(bits) : widenF8E4M3(bits);
    }
  }
}

static uint16_t roundToBF16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  bool isNaN = std::isnan(value);
  // Of a NaN the quiet bit is kept; of other numbers halves go to the even one.
  return static_cast<uint16_t>(isNaN ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void convertFromF32(ElementType type, const float *source, int64_t count, uint8_t *result) {
  if (type == ElementType::F32) {
    memcpy(result, source, count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits = type == ElementType::BF16 ? roundToBF16(source[i])
                                              : __builtin_bit_cast(uint16_t, static_cast<_Float16>(source[i]));
    memcpy(result + i * sizeof(bits), &bits, sizeof(bits));
  }
}

static constexpr float kLargestInteger = 127, kLargestF8 = 448;

float findScale(ElementType quantized, const float *numbers, int64_t count) {
  constexpr float kLargestHalf = 65504;
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::fabs(numbers[i]));
  }
  return quantized == ElementType::F8E4M3
             ? largest / kLargestF8
             : static_cast<float>(static_cast<_Float16>(std::min(largest / kLargestInteger, kLargestHalf)));
}

static uint32_t toBits(float value) { return __builtin_bit_cast(uint32_t, value); }

/// Adding it leaves an integer in the low bits, rounded to the nearest, of two the even one.
static constexpr float kMagic = 0x1.8p23f;

static uint8_t roundToInteger(float value) {
  return static_cast<uint8_t>(toBits(std::min(std::max(value, -kLargestInteger), kLargestInteger) + kMagic));
}

static uint8_t roundToF8E4M3(float value) {
  float size = std::min(std::fabs(value), kLargestF8);
  uint32_t bits = toBits(size), sign = toBits(value) >> 31 << 7;
  // Below the smallest normal number codes are 2^-9 apart. Above, exponents differ by the difference of biases.
  uint32_t code =
      size < 0x1p-6f ? toBits(size * 0x1p9f + kMagic) & 0xf : ((bits + 0x7ffff + (bits >> 20 & 1)) >> 20) - (120 << 3);
  return static_cast<uint8_t>(sign | code);
}

void quantizeGroup(ElementType quantized, const float *numbers, int64_t count, float scale, uint8_t *result) {
  if (scale == 0) {
    return std::fill_n(result, count, uint8_t(0)), void();
  }
  for (int64_t i = 0; i < count; ++i) {
    float value = numbers[i] / scale;
    result[i] = quantized == ElementType::F8E4M3 ? roundToF8E4M3(value) : roundToInteger(value);
  }
}

void unpackNumbers(const Unpack &unpack, const uint8_t *bytes, int64_t first, int64_t count, float *result) {
  unsigned mask = (1u << unpack.bits) - 1;
  for (int64_t i = first; i < first + count; ++i) {
    uint64_t bit = static_cast<uint64_t>(i) * unpack.bits;
    *result++ = unpack.values[bytes[bit / 8] >> bit % 8 & mask];
  }
}

/// Counts the elements whose bits below the sign are at least `limit`. Almost always there are none, so
/// blocks are searched for their maximum first, which is fast in vector registers.
template <typename Element, typename Signed>
static uint64_t countAtLeast(const uint8_t *elements, int64_t count, Signed limit) {
  constexpr Signed mask = static_cast<Signed>(static_cast<Element>(~Element(0)) >> 1);
  constexpr int64_t blockSize = 4096;
  Element block[blockSize];
  uint64_t found = 0;
  for (int64_t begin = 0; begin < count; begin += blockSize) {
    int64_t size = std::min(blockSize, count - begin);
    memcpy(block, elements + begin * sizeof(Element), size * sizeof(Element));
    Signed largest = 0;
    for (int64_t i = 0; i < size; ++i) {
      largest = std::max<Signed>(largest, static_cast<Signed>(block[i]) & mask);
    }
    for (int64_t i = 0; largest >= limit && i < size; ++i) {
      found += (static_cast<Signed>(block[i]) & mask) >= limit;
    }
  }
  return found;
}

uint64_t countNonFinite(ElementType type, const uint8_t *elements, int64_t count) {
  switch (type) {
  case ElementType::BF16:
    return countAtLeast<uint16_t, int16_t>(elements, count, 0x7f80);
  case ElementType::F16:
    return countAtLeast<uint16_t, int16_t>(elements, count, 0x7c00);
  case ElementType::F32:
    return countAtLeast<uint32_t, int32_t>(elements, count, 0x7f800000);
  case ElementType::F8E4M3:
    return countAtLeast<uint8_t, int8_t>(elements, count, 0x7f);
  case ElementType::Byte:
    return 0;
  }
  return 0;
}

bool isZero(const void *bytes, uint64_t size) {
  const uint8_t *first = static_cast<const uint8_t *>(bytes);
  return size == 0 || (*first == 0 && memcmp(first, first + 1, size - 1) == 0);
}

bool isPlausibleScale(float scale) { return std::isfinite(scale) && scale >= 0; }

} // namespace fathom::codegen

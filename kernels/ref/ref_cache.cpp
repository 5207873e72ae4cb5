// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of the cache in the formats that stores keep them in.

#include "fathom/kernel_abi.h"
#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::ref {

uint8_t f32_to_f8e4m3(float value) {
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value)) {
    return sign | 0x7F;
  }
  float size = std::min(std::fabs(value), 448.0f);
  int exponent = std::max(size == 0 ? -6 : std::ilogb(size), -6);
  // In units of the last place; nearbyint() goes to the even one of two neighbors. Eight units of the lowest exponent
  // are its first normal number, sixteen of any the first of the next.
  auto units = static_cast<int>(std::nearbyint(std::ldexp(size, 3 - exponent)));
  return sign | static_cast<uint8_t>((exponent + 6) * 8 + units);
}

float scale_of_row_block(const float *x, int64_t count) {
  float largest = 1e-4f;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  }
  double exponent = std::ceil(std::log2(static_cast<double>(std::min(largest, 0x1p127f)) / 448.0));
  return static_cast<float>(std::exp2(exponent));
}

template <class Value>
static void put(Value value, size_t offset, std::vector<uint8_t> &row) {
  std::memcpy(row.data() + offset, &value, sizeof(value));
}

template <class Value>
static Value get(const uint8_t *row, size_t offset) {
  Value value;
  std::memcpy(&value, row + offset, sizeof(value));
  return value;
}

std::vector<uint8_t> encode_row(const float *x, const RowFormat &format) {
  std::vector<uint8_t> row(fathom_row_bytes(format.element, format.width, format.tail));
  bool f8 = format.element == FATHOM_ROW_F8E4M3;
  int64_t numbers = f8 ? format.width - format.tail : 0, halves = f8 ? fathom_row_tail(numbers) : 0;
  for (int64_t i = 0; i < numbers; ++i) {
    int64_t block = i / FATHOM_SCALE_BLOCK, first = block * FATHOM_SCALE_BLOCK;
    float scale = scale_of_row_block(x + first, std::min<int64_t>(FATHOM_SCALE_BLOCK, numbers - first));
    put(f32_to_f8e4m3(x[i] / scale), i, row);
    put(scale, fathom_row_scales(numbers) + block * sizeof(float), row);
  }
  for (int64_t i = numbers; i < format.width; ++i) {
    if (format.element == FATHOM_ROW_F32) {
      put(x[i], i * sizeof(float), row);
    } else {
      put(f32_to_bf16(x[i]), halves + (i - numbers) * sizeof(uint16_t), row);
    }
  }
  return row;
}

std::vector<float> decode_row(const uint8_t *row, const RowFormat &format) {
  std::vector<float> x(format.width);
  bool f8 = format.element == FATHOM_ROW_F8E4M3;
  int64_t numbers = f8 ? format.width - format.tail : 0, halves = f8 ? fathom_row_tail(numbers) : 0;
  for (int64_t i = 0; i < numbers; ++i) {
    auto scale = get<float>(row, fathom_row_scales(numbers) + i / FATHOM_SCALE_BLOCK * sizeof(float));
    x[i] = f8e4m3_to_f32(row[i]) * scale;
  }
  for (int64_t i = numbers; i < format.width; ++i) {
    x[i] = format.element == FATHOM_ROW_F32
               ? get<float>(row, i * sizeof(float))
               : bf16_to_f32(get<uint16_t>(row, halves + (i - numbers) * sizeof(uint16_t)));
  }
  return x;
}

} // namespace fathom::ref

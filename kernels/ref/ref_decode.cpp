// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stored number formats as f32.

#include "kernels/ref/ref.h"

#include <cmath>
#include <cstring>

namespace fathom::ref {

static float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float bf16_to_f32(uint16_t bits) { return from_bits(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) {
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  }
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float f8e4m3_to_f32(uint8_t bits) {
  int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) {
    return std::nanf("");
  }
  float magnitude = exponent == 0 ? std::ldexp(mantissa / 8.0f, -6) : std::ldexp(1.0f + mantissa / 8.0f, exponent - 7);
  return bits & 0x80 ? -magnitude : magnitude;
}

void dequantize(const uint8_t *codes, const float *scales, int64_t N, int64_t K, float *out) {
  int64_t blocks = (K + 127) / 128;
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      out[n * K + k] = f8e4m3_to_f32(codes[n * K + k]) * scales[n / 128 * blocks + k / 128];
    }
  }
}

void dequantize(const int8_t *numbers, const float *scales, int64_t N, int64_t K, float *out) {
  int64_t groups = (K + 31) / 32;
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      out[n * K + k] = static_cast<float>(numbers[n * K + k]) * scales[n * groups + k / 32];
    }
  }
}

static float find_largest(const float *x, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    largest = std::fmax(largest, std::fabs(x[i]));
  }
  return largest;
}

float scale_of_group(const float *x, int64_t count) {
  return static_cast<float>(static_cast<_Float16>(std::fmin(find_largest(x, count) / 127, 65504.0f)));
}

float scale_of_f8_group(const float *x, int64_t count) { return find_largest(x, count) / 448; }

int8_t f32_to_i8(float x, float scale) {
  return scale == 0 ? int8_t(0) : static_cast<int8_t>(std::fmax(-127.0f, std::fmin(127.0f, std::nearbyint(x / scale))));
}

} // namespace fathom::ref

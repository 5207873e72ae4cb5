// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of the cache as their store keeps them: f32, bf16, or FP8 with a scale for each 128 numbers behind them and a
// tail of bf16 (kernel_abi.h says how they lie).
//
// Numbers are rounded to nearest, ties to even. FP8's scale is the smallest power of two that brings the largest of its
// numbers to 448 or less (DeepSeek-V3.2's ue8m0), where the largest counts as 1e-4 or more; dividing by it is exact.
// NaN stays NaN, and counts for no scale; FP8 has no infinity, so that one becomes the largest number there is.

#ifndef FATHOM_KERNELS_CPU_CACHE_ROWS_H
#define FATHOM_KERNELS_CPU_CACHE_ROWS_H

#include "kernels/cpu/activations.h"

namespace fathom::cpu {

using u8x16 = uint8_t __attribute__((ext_vector_type(16)));
using u8x64 = uint8_t __attribute__((ext_vector_type(64)));

/// How a store keeps rows; constants of a kernel.
struct RowFormat {
  int64_t element; ///< FATHOM_ROW_*
  int64_t width;
  int64_t tail = 0; ///< the last of them, which are bf16 where the others are FP8

  FATHOM_INLINE bool isF32() const { return element == FATHOM_ROW_F32; }
  FATHOM_INLINE int64_t bytes() const { return fathom_row_bytes(element, width, tail); }
};

/// Rows whose last `tail` numbers FP8 is too coarse for.
FATHOM_INLINE RowFormat row_format(int64_t element, int64_t width, int64_t tail = 0) {
  return {element, width, element == FATHOM_ROW_F8E4M3 ? tail : 0};
}

/// Codes in the low bits of each lane.
FATHOM_INLINE u32x16 encode_f8(f32x16 x) {
  auto bits = __builtin_bit_cast(u32x16, x);
  auto size = __builtin_bit_cast(f32x16, bits & 0x7FFFFFFF);
  size = size < 448.0f ? size : f32x16(448.0f);
  auto small = __builtin_bit_cast(u32x16, size);
  // Seven of the exponent's bits go, and all but three of the mantissa's.
  u32x16 normal = ((small + 0x7FFFF + (small >> 20 & 1)) >> 20) - (120 << 3);
  // Below 2^-6 codes are multiples of 2^-9: those of the last place of numbers around 2^14.
  u32x16 subnormal = __builtin_bit_cast(u32x16, size + 0x1p14f) - 0x46800000;
  u32x16 code = size < 0x1p-6f ? subnormal : normal;
  return (x == x ? code : u32x16(0x7F)) | (bits >> 24 & 0x80);
}

/// The scale of `count` numbers, as the biased exponent of an f32.
FATHOM_INLINE uint32_t scale_exponent(const float *x, int64_t count) {
  f32x16 high = 1e-4f;
  for (int64_t i = 0; i < count; i += kLanes) {
    f32x16 value = i + kLanes <= count ? load(x + i) : load_part(x + i, count - i);
    value = value < 0.0f ? -value : value;
    high = value > high ? value : high;
  }
  float most = largest(high);
  // 448 = 1.75 * 2^8: a mantissa above 1.75 needs the next power of two.
  auto bits = __builtin_bit_cast(uint32_t, most < 0x1p127f ? most : 0x1p127f);
  return ((bits + 0x1FFFFF) >> 23) - 8;
}

/// The f32 2^(exponent - 127).
FATHOM_INLINE float power_of_two(uint32_t exponent) { return __builtin_bit_cast(float, exponent << 23); }

/// to[i] = encode(x[i] * factor), in vectors of codes.
template <class Codes, u32x16 (*encode)(f32x16), class Code>
FATHOM_INLINE void encode_numbers(const float *x, int64_t count, float factor, Code *to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    *reinterpret_cast<typename Memory<Code, 16>::Type *>(to + i) =
        __builtin_convertvector(encode(load(x + i) * factor), Codes);
  }
  if (i < count) {
    Codes rest = __builtin_convertvector(encode(load_part(x + i, count - i) * factor), Codes);
    for (int64_t j = 0; i + j < count; ++j) {
      to[i + j] = rest[j];
    }
  }
}

FATHOM_INLINE void clear(char *row, int64_t from, int64_t end) {
  for (int64_t i = from; i < end; ++i) {
    row[i] = 0;
  }
}

FATHOM_INLINE void encode_bf16_numbers(const float *x, int64_t count, char *to) {
  encode_numbers<u16x16, encode_bf16>(x, count, 1.0f, reinterpret_cast<uint16_t *>(to));
  clear(to, 2 * count, fathom_row_align(2 * count));
}

FATHOM_INLINE void encode_f8_numbers(const float *x, int64_t count, char *to) {
  auto *codes = reinterpret_cast<uint8_t *>(to);
  auto *scales = reinterpret_cast<float *>(to + fathom_row_scales(count));
  for (int64_t from = 0; from < count; from += kBlock) {
    int64_t numbers = smaller(kBlock, count - from);
    uint32_t exponent = scale_exponent(x + from, numbers);
    encode_numbers<u8x16, encode_f8>(x + from, numbers, power_of_two(254 - exponent), codes + from);
    scales[from / kBlock] = power_of_two(exponent);
  }
  clear(to, count, fathom_row_scales(count));
}

/// Writes a row of numbers.
FATHOM_INLINE void encode_row(const float *x, const RowFormat &format, char *row) {
  int64_t numbers = format.width - format.tail;
  if (format.isF32()) {
    for (int64_t i = 0; i < numbers; ++i) {
      reinterpret_cast<float *>(row)[i] = x[i];
    }
  } else if (format.element == FATHOM_ROW_BF16) {
    encode_bf16_numbers(x, numbers, row);
  } else {
    encode_f8_numbers(x, numbers, row);
    encode_bf16_numbers(x + numbers, format.tail, row + fathom_row_tail(numbers));
  }
}

/// FP8 numbers times `unit`, their scale and F8E4M3::kUnit; without NaNs where there are none.
template <int Lanes, bool NaNs = true>
FATHOM_INLINE auto decode_f8(const uint8_t *codes, float unit) {
  auto value = F8E4M3::decode<Lanes>(codes);
  if constexpr (NaNs) {
    // The one code beyond 448 is NaN.
    using Value = decltype(value);
    auto beyond = (value > 448.0f / F8E4M3::kUnit) | (value < -448.0f / F8E4M3::kUnit);
    value = beyond ? Value(__builtin_nanf("")) : value;
  }
  return value * unit;
}

/// Codes that are looked through for NaNs at a time.
constexpr int64_t kCodes = 64;

/// Whether one of `count` codes, a multiple of kCodes, is NaN. Looking through all costs less than in each vector.
FATHOM_INLINE bool has_nan(const uint8_t *codes, int64_t count) {
  // All bits of a NaN are set but for the sign.
  u8x64 high = 0;
  for (int64_t i = 0; i < count; i += kCodes) {
    u8x64 code = load_vector<kCodes>(codes + i) | static_cast<uint8_t>(0x80);
    high = code > high ? code : high;
  }
  return __builtin_reduce_or(high == static_cast<uint8_t>(0xFF)) != 0;
}

/// Numbers [from, end) of a row.
template <bool NaNs>
FATHOM_INLINE void decode_f8_numbers(const uint8_t *codes, const float *scales, int64_t from, int64_t end, float *to) {
  while (from < end) {
    float unit = scales[from / kBlock] * F8E4M3::kUnit;
    int64_t block = smaller((from / kBlock + 1) * kBlock, end);
    for (; from + 2 * kLanes <= block; from += 2 * kLanes, to += 2 * kLanes) {
      auto value = decode_f8<2 * kLanes, NaNs>(codes + from, unit);
      store(to, value.lo);
      store(to + kLanes, value.hi);
    }
    for (; from < block; ++from, ++to) {
      *to = decode_f8<1>(codes + from, unit)[0];
    }
  }
}

/// Numbers [from, from + count) of a row that is not f32, none of its tail.
FATHOM_INLINE void decode_numbers(const char *row, const RowFormat &format, int64_t from, int64_t count, float *to) {
  if (format.element == FATHOM_ROW_BF16) {
    return decode_row<Bf16>(reinterpret_cast<const uint16_t *>(row) + from, nullptr, 0, count, to);
  }
  auto *codes = reinterpret_cast<const uint8_t *>(row);
  auto *scales = reinterpret_cast<const float *>(row + fathom_row_scales(format.width - format.tail));
  int64_t whole = count / kCodes * kCodes;
  if (has_nan(codes + from, whole)) {
    decode_f8_numbers<true>(codes, scales, from, from + whole, to);
  } else {
    decode_f8_numbers<false>(codes, scales, from, from + whole, to);
  }
  decode_f8_numbers<true>(codes, scales, from + whole, from + count, to + whole);
}

/// Reads a row that is not f32.
FATHOM_INLINE void decode_row(const char *row, const RowFormat &format, float *to) {
  int64_t numbers = format.width - format.tail;
  decode_numbers(row, format, 0, numbers, to);
  if (format.tail > 0) {
    auto *tail = reinterpret_cast<const uint16_t *>(row + fathom_row_tail(numbers));
    decode_row<Bf16>(tail, nullptr, 0, format.tail, to + numbers);
  }
}

/// `count` rows side by side as f32 [count][width]: where they are, or in `memory` where they are not f32.
FATHOM_INLINE const float *decode_rows(const char *rows, int64_t count, const RowFormat &format, float *memory) {
  if (format.isF32()) {
    return reinterpret_cast<const float *>(rows);
  }
  for (int64_t j = 0; j < count; ++j) {
    decode_row(rows + j * format.bytes(), format, memory + j * format.width);
  }
  return memory;
}

/// Number `i` of a row that is not f32.
FATHOM_INLINE float decode_number(const char *row, const RowFormat &format, int64_t i) {
  auto read_bf16 = [](const char *from, int64_t place) {
    return Bf16::decode<1>(reinterpret_cast<const uint16_t *>(from) + place)[0];
  };
  int64_t numbers = format.width - format.tail;
  if (format.element == FATHOM_ROW_BF16) {
    return read_bf16(row, i);
  }
  if (i >= numbers) {
    return read_bf16(row + fathom_row_tail(numbers), i - numbers);
  }
  auto *scales = reinterpret_cast<const float *>(row + fathom_row_scales(numbers));
  return decode_f8<1>(reinterpret_cast<const uint8_t *>(row) + i, scales[i / kBlock] * F8E4M3::kUnit)[0];
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_CACHE_ROWS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of the cache as their store keeps them: f32, bf16, or FP8 with a scale for each 128 numbers behind them and a
// tail of bf16 (kernel_abi.h says how they lie).
//
// Codes and scales are those of kernels/cpu/cache_rows.h, bit for bit, but for what NaN becomes in bf16.

#ifndef FATHOM_KERNELS_NVPTX_CACHE_ROWS_H
#define FATHOM_KERNELS_NVPTX_CACHE_ROWS_H

#include "kernels/nvptx/e4m3.h"
#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

/// How a store keeps rows; constants of a kernel.
struct RowFormat {
  int64_t element; ///< FATHOM_ROW_*
  int64_t width;
  int64_t tail; ///< the last of them, which are bf16 where the others are FP8

  FATHOM_INLINE RowFormat(int64_t element, int64_t width, int64_t tail = 0)
      : element(element), width(width), tail(element == FATHOM_ROW_F8E4M3 ? tail : 0) {}
  FATHOM_INLINE int64_t bytes() const { return fathom_row_bytes(element, width, tail); }
};

/// The row of `position` in a store, of the sequence of row `row` and one of `heads`; those of the block of keys follow
/// it.
FATHOM_INLINE char *cache_row(const fathom_dispatch_t *dispatch, int64_t row, int64_t position, int64_t store,
                              const RowFormat &format, int64_t heads = 1, int64_t head = 0) {
  return fathom_cache_row(dispatch->cache, row, dispatch->layer * heads + head, position, store, format.bytes());
}

/// The scale of numbers of which `most` is the largest, as the biased exponent of an f32: 448 = 1.75 * 2^8, so that a
/// mantissa above 1.75 needs the next power of two.
FATHOM_INLINE uint32_t scale_exponent(float most) {
  return ((__builtin_bit_cast(uint32_t, most < 0x1p127f ? most : 0x1p127f) + 0x1FFFFF) >> 23) - 8;
}

/// The f32 2^(exponent - 127).
FATHOM_INLINE float power_of_two(uint32_t exponent) { return __builtin_bit_cast(float, exponent << 23); }

/// Writes `count` numbers from number `first` of `source` on as bf16, and the padding behind them; by all of `threads`.
template <class Source>
FATHOM_INLINE void encode_bf16_numbers(const Source &source, int64_t first, int64_t count, int64_t threads, char *to) {
  for (int64_t i = 2 * thread(); i < count; i += 2 * threads) {
    float second = i + 1 < count ? source(first + i + 1) : 0.0f;
    *reinterpret_cast<uint32_t *>(to + 2 * i) = pack_bf16(source(first + i), second);
  }
}

/// The same as FP8: a warp takes the numbers of a scale, a lane four of them.
template <class Source>
FATHOM_INLINE void encode_f8_numbers(const Source &source, int64_t count, int64_t threads, char *to) {
  auto *scales = reinterpret_cast<float *>(to + fathom_row_scales(count));
  for (int64_t block = warp(); block * FATHOM_SCALE_BLOCK < count; block += threads / kWarp) {
    int64_t first = block * FATHOM_SCALE_BLOCK + 4 * lane();
    float value[4], most = 1e-4f;
    FATHOM_UNROLL for (int j = 0; j < 4; ++j) {
      value[j] = first + j < count ? source(first + j) : 0.0f;
      float size = value[j] < 0.0f ? -value[j] : value[j];
      most = size > most ? size : most;
    }
    uint32_t exponent = scale_exponent(largest_of_lanes(most)), codes = 0;
    FATHOM_UNROLL for (int j = 0; j < 4; ++j) {
      codes |= encode_e4m3(value[j] * power_of_two(254 - exponent)) << 8 * j;
    }
    if (first < count) {
      *reinterpret_cast<uint32_t *>(to + first) = first + 4 <= count ? codes : codes & ~(~0u << 8 * (count - first));
    }
    if (lane() == 0) {
      scales[block] = power_of_two(exponent);
    }
  }
}

/// Writes a row of the numbers source(i), by all threads of a block.
template <class Source>
FATHOM_INLINE void encode_row(const Source &source, const RowFormat &format, int64_t threads, char *row) {
  int64_t numbers = format.width - format.tail;
  if (format.element == FATHOM_ROW_F32) {
    for (int64_t i = thread(); i < numbers; i += threads) {
      reinterpret_cast<float *>(row)[i] = source(i);
    }
  } else if (format.element == FATHOM_ROW_BF16) {
    encode_bf16_numbers(source, 0, numbers, threads, row);
  } else {
    encode_f8_numbers(source, numbers, threads, row);
    encode_bf16_numbers(source, numbers, format.tail, threads, row + fathom_row_tail(numbers));
  }
}

/// A row that is read in chunks: whole where all parts of it begin at multiples of 16 bytes, as constants tell; rows
/// then do, too.
struct CachedRow {
  const char *data;
  RowFormat format;

  FATHOM_INLINE bool whole() const {
    int64_t numbers = format.width - format.tail;
    bool parts = format.element != FATHOM_ROW_F8E4M3 || (numbers % 16 == 0 && fathom_row_tail(numbers) % 16 == 0);
    return parts && format.width % kChunk == 0 && format.bytes() % 16 == 0;
  }

  FATHOM_INLINE float scale(int64_t i) const {
    return reinterpret_cast<const float *>(data +
                                           fathom_row_scales(format.width - format.tail))[i / FATHOM_SCALE_BLOCK];
  }

  FATHOM_INLINE float operator[](int64_t i) const {
    int64_t numbers = format.width - format.tail;
    if (format.element != FATHOM_ROW_F8E4M3) {
      return Numbers(data, format.element)[i];
    }
    if (i >= numbers) {
      return Numbers(data + fathom_row_tail(numbers), FATHOM_ROW_BF16)[i - numbers];
    }
    return decode_e4m3_or_nan(reinterpret_cast<const uint8_t *>(data)[i]) * scale(i);
  }

  /// Numbers from `i` on, a multiple of kChunk below the width; those behind the last are 0.
  FATHOM_INLINE void load(int64_t i, Chunk &to) const {
    int64_t numbers = format.width - format.tail;
    if (!whole()) {
      FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { to[j] = i + j < format.width ? (*this)[i + j] : 0.0f; }
    } else if (format.element != FATHOM_ROW_F8E4M3) {
      load_whole(Numbers(data, format.element) + i, to);
    } else if (i >= numbers) {
      load_whole(Numbers(data + fathom_row_tail(numbers), FATHOM_ROW_BF16) + (i - numbers), to);
    } else {
      auto codes = *reinterpret_cast<const u32x2 *>(data + i);
      float unit = scale(i);
      FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) {
        to[j] = decode_e4m3_or_nan(codes[j / 4] >> 8 * (j % 4) & 0xFF) * unit;
      }
    }
  }

  /// The same numbers as bf16, which no format but f32 has to round for.
  FATHOM_INLINE u32x4 load_bf16(int64_t i) const {
    if (whole() && format.element == FATHOM_ROW_BF16) {
      return *reinterpret_cast<const u32x4 *>(data + 2 * i);
    }
    Chunk numbers;
    load(i, numbers);
    u32x4 codes;
    FATHOM_UNROLL for (int j = 0; j < kChunk / 2; ++j) { codes[j] = pack_bf16(numbers[2 * j], numbers[2 * j + 1]); }
    return codes;
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_CACHE_ROWS_H

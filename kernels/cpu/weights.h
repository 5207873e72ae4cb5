// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights as matrix multiplication sees them: where a panel of 32 output columns lies, and its decoding to f32.
//
// A source gives, for a panel and up to 128 steps of the reduction, an f32 block [steps][32]. Where the
// stored block already is that, no copy is made. A `scaled` source decodes to the stored value times 2^-8
// (see F8E4M3), and `scales` gives what the block's partial sums are to be multiplied with.

#ifndef FATHOM_KERNELS_CPU_WEIGHTS_H
#define FATHOM_KERNELS_CPU_WEIGHTS_H

#include "kernels/cpu/simd.h"

namespace fathom::cpu {

/// A type of weights: how elements decode in a row, and in `words`, where each lane holds the next four bytes of a row:
/// decode_words gives a vector for each element of a word. Up to kDecodedRows rows, every tile that multiplies weights
/// in panels decodes them for itself; for more they are decoded once. kSteps of the reduction are multiplied at a time:
/// in quantized weights those that share a scale.
struct Unquantized {
  using Scale = float;
  static constexpr bool kQuantized = false;
  static constexpr int64_t kSteps = kBlock;
};

struct F32 : Unquantized {
  using Stored = float;
  static constexpr int64_t kDecodedRows = 24;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const float *from) {
    return load_vector<Lanes>(from);
  }
  static FATHOM_INLINE void decode_words(u32x16 words, f32x16 *to) { to[0] = __builtin_bit_cast(f32x16, words); }
};

struct Bf16 : Unquantized {
  using Stored = uint16_t;
  static constexpr int64_t kDecodedRows = 96;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const uint16_t *from) {
    using Wide = uint32_t __attribute__((ext_vector_type(Lanes)));
    using Float = float __attribute__((ext_vector_type(Lanes)));
    Wide bits = __builtin_convertvector(load_vector<Lanes>(from), Wide) << 16;
    return __builtin_bit_cast(Float, bits);
  }
  static FATHOM_INLINE void decode_words(u32x16 words, f32x16 *to) {
    to[0] = __builtin_bit_cast(f32x16, words << 16);
    to[1] = __builtin_bit_cast(f32x16, words & 0xFFFF0000);
  }
};

/// FP8 E4M3. Moved into the fields of an f16, a code reads as its value times 2^-8, subnormals included; callers put
/// the factor kUnit into a multiplication they do anyway. The two NaN codes (0x7f, 0xff) read as +-480.
struct F8E4M3 {
  using Stored = uint8_t;
  using Scale = float;
  static constexpr bool kQuantized = true;
  static constexpr int64_t kSteps = FATHOM_SCALE_BLOCK;
  static constexpr int64_t kDecodedRows = 12;
  static constexpr float kUnit = 256.0f;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const uint8_t *from) {
    using Half = _Float16 __attribute__((ext_vector_type(Lanes)));
    using Short = int16_t __attribute__((ext_vector_type(Lanes)));
    using Byte = int8_t __attribute__((ext_vector_type(Lanes)));
    using Float = float __attribute__((ext_vector_type(Lanes)));
    Byte codes = __builtin_bit_cast(Byte, load_vector<Lanes>(from));
    // Sign extension fills bit 14 as well; f16 has the exponent's highest bit there, which is 0 for every code.
    Short bits = (__builtin_convertvector(codes, Short) << 7) & static_cast<int16_t>(0xBFFF);
    return __builtin_convertvector(__builtin_bit_cast(Half, bits), Float);
  }
  static FATHOM_INLINE void decode_words(u32x16 words, f32x16 *to) {
    auto codes = __builtin_bit_cast(i16x32, words);
    decode_high_bytes(codes << 8, to[0], to[2]);
    decode_high_bytes(codes, to[1], to[3]);
  }

private:
  /// The codes in the upper bytes, of even and of odd elements.
  static FATHOM_INLINE void decode_high_bytes(i16x32 codes, f32x16 &even, f32x16 &odd) {
    using Half = _Float16 __attribute__((ext_vector_type(32)));
    auto halves = __builtin_bit_cast(Half, (codes >> 1) & static_cast<int16_t>(0xBF80));
    even = __builtin_convertvector(halves.even, f32x16);
    odd = __builtin_convertvector(halves.odd, f32x16);
  }
};

/// Integers of 8 bits, which only the packer makes: always in panels.
struct I8 {
  using Stored = int8_t;
  using Scale = _Float16;
  static constexpr bool kQuantized = true;
  static constexpr int64_t kSteps = FATHOM_SCALE_GROUP;
  static constexpr int64_t kDecodedRows = 12;
  static constexpr float kUnit = 1.0f;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const int8_t *from) {
    using Wide = int32_t __attribute__((ext_vector_type(Lanes)));
    using Float = float __attribute__((ext_vector_type(Lanes)));
    return __builtin_convertvector(__builtin_convertvector(load_vector<Lanes>(from), Wide), Float);
  }
};

/// Weights [N, K] in panels, data[ceil(N/32)][K][32], with scales [ceil(N/32)][ceil(K/kSteps)][32] if quantized.
template <class Weight>
struct PanelWeights {
  using Type = Weight;
  static constexpr bool kPanels = true;
  static constexpr bool kWalksRows = false;
  static constexpr bool kScaled = Weight::kQuantized;

  const typename Weight::Stored *data;
  const typename Weight::Scale *scale;
  int64_t depth;

  FATHOM_INLINE PanelWeights(const void *data, const void *scale, int64_t /*columns*/, int64_t depth)
      : data(static_cast<const typename Weight::Stored *>(data)),
        scale(static_cast<const typename Weight::Scale *>(scale)), depth(depth) {}

  FATHOM_INLINE const typename Weight::Stored *panel(int64_t index) const { return data + index * depth * kPanel; }

  FATHOM_INLINE const float *block(int64_t index, int64_t from, int64_t steps, float *buffer) const {
    const typename Weight::Stored *source = panel(index) + from * kPanel;
    if constexpr (__is_same(Weight, F32)) {
      return source;
    } else {
      for (int64_t i = 0; i < steps * kPanel; i += kLanes) {
        store(buffer + i, Weight::template decode<16>(source + i));
      }
      return buffer;
    }
  }

  FATHOM_INLINE void scales(int64_t index, int64_t from, float *to) const {
    auto *source = scale + (index * ceil_div(depth, Weight::kSteps) + from / Weight::kSteps) * kPanel;
    for (int64_t i = 0; i < kPanel; i += kLanes) {
      store(to + i, __builtin_convertvector(load_vector<kLanes>(source + i), f32x16) * Weight::kUnit);
    }
  }
};

/// Decodes `count` elements of a row with their scales: `scales` points to the row's f32 [ceil(columns/128)],
/// and the elements start at column `from`, a multiple of 32.
template <class Weight>
FATHOM_INLINE void decode_row(const typename Weight::Stored *row, const float *scales, int64_t from, int64_t count,
                              float *to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    float unit = Weight::kQuantized ? scales[(from + i) / kBlock] * F8E4M3::kUnit : 1.0f;
    if (i + kLanes <= count) {
      f32x16 value = Weight::template decode<16>(row + from + i);
      store(to + i, Weight::kQuantized ? value * unit : value);
      continue;
    }
    for (int64_t j = i; j < count; ++j) {
      float value = Weight::template decode<1>(row + from + j)[0];
      to[j] = Weight::kQuantized ? value * unit : value;
    }
  }
}

/// Weights [K, N] row by row: a range of a tensor's rows, where a product's reduction runs down the rows.
/// Scales are applied while decoding.
template <class Weight>
struct ColumnWeights {
  using Type = Weight;
  static constexpr bool kPanels = false;
  static constexpr bool kWalksRows = false;
  static constexpr bool kScaled = false;

  const typename Weight::Stored *data; ///< the tensor's first row
  const float *scale;
  int64_t first; ///< the row where the reduction starts
  int64_t depth; ///< K
  int64_t count; ///< N, columns of the tensor

  FATHOM_INLINE const float *block(int64_t index, int64_t from, int64_t steps, float *buffer) const {
    int64_t column = index * kPanel;
    for (int64_t k = 0; k < steps; ++k) {
      int64_t row = first + from + k;
      const float *scales = Weight::kQuantized ? scale + row / kBlock * ceil_div(count, kBlock) : nullptr;
      decode_row<Weight>(data + row * count, scales, column, smaller(kPanel, count - column), buffer + k * kPanel);
    }
    return buffer;
  }
};

/// Bytes of a row that are taken at a time: a cache line.
constexpr int64_t kLine = 64;
/// Cache lines that a row of weights is fetched ahead of its use, into the second-level cache: the first one has too
/// few places for the next lines of rows a power of two apart.
constexpr int64_t kPrefetch = 4;

/// Words [4 piece, 4 piece + 4) of sixteen lines: vector i of the result has word i of each.
FATHOM_INLINE void load_transposed(const char (*lines)[kLine], int64_t piece, u32x16 *words) {
  using u32x4 = uint32_t __attribute__((ext_vector_type(4)));
  u32x16 rows[4], pairs[4];
  FATHOM_UNROLL for (int i = 0; i < 4; ++i) {
    auto part = [&](int line) __attribute__((always_inline)) {
      return *reinterpret_cast<const u32x4 *>(lines[line] + 16 * piece);
    };
    auto low = __builtin_shufflevector(part(i), part(i + 4), 0, 1, 2, 3, 4, 5, 6, 7);
    auto high = __builtin_shufflevector(part(i + 8), part(i + 12), 0, 1, 2, 3, 4, 5, 6, 7);
    rows[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  FATHOM_UNROLL for (int i = 0; i < 2; ++i) {
    pairs[i] =
        __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    pairs[i + 2] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14,
                                           30, 15, 31);
  }
  FATHOM_UNROLL for (int i = 0; i < 4; i += 2) {
    words[i] =
        __builtin_shufflevector(pairs[i], pairs[i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    words[i + 1] =
        __builtin_shufflevector(pairs[i], pairs[i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
}

/// Weights [N, K] row by row, as a checkpoint has them, with scales [ceil(N/128)][ceil(K/128)] if quantized;
/// or a range of their rows. A panel is 32 of the rows; past the last row it repeats that row.
template <class Weight>
struct RowWeights {
  using Type = Weight;
  static constexpr bool kPanels = false;
  static constexpr bool kWalksRows = true;
  static constexpr bool kScaled = Weight::kQuantized;

  const typename Weight::Stored *data; ///< the tensor's first row
  const float *scale;
  int64_t first; ///< the row where column 0 of the product lies
  int64_t count; ///< rows from there on
  int64_t depth; ///< K
  int64_t stride;

  FATHOM_INLINE RowWeights(const void *data, const void *scale, int64_t columns, int64_t depth)
      : RowWeights(data, scale, 0, columns, depth, depth) {}

  FATHOM_INLINE RowWeights(const void *data, const void *scale, int64_t first, int64_t count, int64_t depth,
                           int64_t stride)
      : data(static_cast<const typename Weight::Stored *>(data)), scale(static_cast<const float *>(scale)),
        first(first), count(count), depth(depth), stride(stride) {}

  FATHOM_INLINE int64_t row(int64_t column) const { return first + smaller(column, count - 1); }

  FATHOM_INLINE const float *block(int64_t index, int64_t from, int64_t steps, float *buffer) const {
    auto keep = [&](int64_t step, int half, f32x16 column)
                    __attribute__((always_inline)) { store(buffer + step * kPanel + half * kLanes, column); };
    columns(index, from, steps, keep);
    return buffer;
  }

  /// use(step, half, column) for each half of a panel and each of `steps` steps: a lane of the column is a row's value.
  /// Rows of a checkpoint begin anywhere in a cache line. Where there are many steps, the first go one by one: else
  /// most lines would be fetched twice.
  template <class Use>
  FATHOM_INLINE void columns(int64_t index, int64_t from, int64_t steps, const Use &use) const {
    const typename Weight::Stored *rows[kPanel];
    for (int64_t i = 0; i < kPanel; ++i) {
      rows[i] = data + row(index * kPanel + i) * stride + from;
    }
    constexpr int64_t kSize = sizeof(typename Weight::Stored), kSteps = kLine / kSize;
    int64_t head = (-reinterpret_cast<uintptr_t>(rows[0]) & (kLine - 1)) / kSize;
    int64_t step = 0;
    for (; steps > kBlock && step < head; ++step) {
      single_step(rows, step, use);
    }
    for (; step + kSteps <= steps; step += kSteps) {
      whole_lines(rows, step, use);
    }
    for (; step < steps; ++step) {
      single_step(rows, step, use);
    }
  }

  template <class Use>
  static FATHOM_INLINE void single_step(const typename Weight::Stored *const *rows, int64_t step, const Use &use) {
    FATHOM_UNROLL for (int half = 0; half < 2; ++half) {
      f32x16 column;
      for (int64_t i = 0; i < kLanes; ++i) {
        column[i] = Weight::template decode<1>(rows[half * kLanes + i] + step)[0];
      }
      use(step, half, column);
    }
  }

  /// `columns` for a cache line of each row. Lines are copied first: rows a power of two apart share few places in the
  /// cache. What is transposed are words as they are stored: narrow weights cost fewer shuffles than their values
  /// would.
  template <class Use>
  static FATHOM_INLINE void whole_lines(const typename Weight::Stored *const *rows, int64_t step, const Use &use) {
    constexpr int kPerWord = 4 / sizeof(typename Weight::Stored);
    alignas(64) char lines[kPanel][kLine];
    _Pragma("clang loop unroll(disable)") for (int64_t i = 0; i < kPanel; ++i) {
      auto *line = reinterpret_cast<const char *>(rows[i] + step);
      __builtin_prefetch(line + kPrefetch * kLine, /*rw=*/0, /*locality=*/2);
      __builtin_memcpy(lines[i], line, kLine);
    }
    _Pragma("clang loop unroll(disable)") for (int64_t piece = 0; piece < 4; ++piece) {
      FATHOM_UNROLL for (int half = 0; half < 2; ++half) {
        u32x16 words[4];
        load_transposed(lines + half * kLanes, piece, words);
        FATHOM_UNROLL for (int i = 0; i < 4; ++i) {
          f32x16 column[kPerWord];
          Weight::decode_words(words[i], column);
          FATHOM_UNROLL for (int j = 0; j < kPerWord; ++j) {
            use(step + (4 * piece + i) * kPerWord + j, half, column[j]);
          }
        }
      }
    }
  }

  FATHOM_INLINE void scales(int64_t index, int64_t from, float *to) const {
    for (int64_t i = 0; i < kPanel; ++i) {
      to[i] = scale[row(index * kPanel + i) / kBlock * ceil_div(depth, kBlock) + from / kBlock] * F8E4M3::kUnit;
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_WEIGHTS_H

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

#include "fathom/kernel_abi.h"
#include "kernels/cpu/simd.h"

namespace fathom::cpu {

constexpr int64_t kPanel = FATHOM_PANEL_WIDTH;
constexpr int64_t kBlock = FATHOM_SCALE_BLOCK;

struct F32 {
  using Stored = float;
  static constexpr bool kQuantised = false;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const float *from) {
    return load_vector<Lanes>(from);
  }
};

struct Bf16 {
  using Stored = uint16_t;
  static constexpr bool kQuantised = false;
  template <int Lanes>
  static FATHOM_INLINE auto decode(const uint16_t *from) {
    using Wide = uint32_t __attribute__((ext_vector_type(Lanes)));
    using Float = float __attribute__((ext_vector_type(Lanes)));
    Wide bits = __builtin_convertvector(load_vector<Lanes>(from), Wide) << 16;
    return __builtin_bit_cast(Float, bits);
  }
};

/// FP8 E4M3. Moved into the fields of an f16, a code reads as its value times 2^-8, subnormals included; callers put
/// the factor kUnit into a multiplication they do anyway. The two NaN codes (0x7f, 0xff) read as +-480.
struct F8E4M3 {
  using Stored = uint8_t;
  static constexpr bool kQuantised = true;
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
};

/// Weights [N, K] in panels, data[ceil(N/32)][K][32], with scales [ceil(N/32)][ceil(K/128)][32] if quantised.
template <class Weight>
struct PackedWeights {
  using Type = Weight;
  static constexpr bool kPacked = true;
  static constexpr bool kWalksRows = false;
  static constexpr bool kScaled = Weight::kQuantised;

  const typename Weight::Stored *data;
  const float *scale;
  int64_t depth;

  FATHOM_INLINE PackedWeights(const void *data, const void *scale, int64_t /*columns*/, int64_t depth)
      : data(static_cast<const typename Weight::Stored *>(data)), scale(static_cast<const float *>(scale)),
        depth(depth) {}

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
    const float *source = scale + (index * ceil_div(depth, kBlock) + from / kBlock) * kPanel;
    store(to, load(source) * F8E4M3::kUnit);
    store(to + kLanes, load(source + kLanes) * F8E4M3::kUnit);
  }
};

/// Decodes `count` elements of a row with their scales: `scales` points to the row's f32 [ceil(columns/128)],
/// and the elements start at column `from`, a multiple of 32.
template <class Weight>
FATHOM_INLINE void decode_row(const typename Weight::Stored *row, const float *scales, int64_t from, int64_t count,
                              float *to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    float unit = Weight::kQuantised ? scales[(from + i) / kBlock] * F8E4M3::kUnit : 1.0f;
    if (i + kLanes <= count) {
      f32x16 value = Weight::template decode<16>(row + from + i);
      store(to + i, Weight::kQuantised ? value * unit : value);
      continue;
    }
    for (int64_t j = i; j < count; ++j) {
      float value = Weight::template decode<1>(row + from + j)[0];
      to[j] = Weight::kQuantised ? value * unit : value;
    }
  }
}

/// Weights [K, N] row by row: a range of a tensor's rows, where a product's reduction runs down the rows.
/// Scales are applied while decoding.
template <class Weight>
struct ColumnWeights {
  using Type = Weight;
  static constexpr bool kPacked = false;
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
      const float *scales = Weight::kQuantised ? scale + row / kBlock * ceil_div(count, kBlock) : nullptr;
      decode_row<Weight>(data + row * count, scales, column, smaller(kPanel, count - column), buffer + k * kPanel);
    }
    return buffer;
  }
};

/// Transposes eight vectors of eight.
FATHOM_INLINE void transpose(f32x8 *rows) {
  f32x8 a[8];
  FATHOM_UNROLL for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  f32x8 b[8];
  FATHOM_UNROLL for (int i = 0; i < 8; i += 4) {
    FATHOM_UNROLL for (int j = 0; j < 2; ++j) {
      b[i + 2 * j] = __builtin_shufflevector(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * j + 1] = __builtin_shufflevector(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  FATHOM_UNROLL for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/// Weights [N, K] row by row, as a checkpoint has them, with scales [ceil(N/128)][ceil(K/128)] if quantised;
/// or a range of their rows. A panel is 32 of the rows; past the last row it repeats that row.
template <class Weight>
struct RowWeights {
  using Type = Weight;
  static constexpr bool kPacked = false;
  static constexpr bool kWalksRows = true;
  static constexpr bool kScaled = Weight::kQuantised;

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
    for (int64_t group = 0; group < kPanel; group += 8) {
      const typename Weight::Stored *source[8];
      FATHOM_UNROLL for (int i = 0; i < 8; ++i) { source[i] = data + row(index * kPanel + group + i) * stride + from; }
      transpose_group(source, steps, buffer + group);
    }
    return buffer;
  }

  static FATHOM_INLINE void transpose_group(const typename Weight::Stored *const *source, int64_t steps, float *to) {
    int64_t k = 0;
    for (; k + 8 <= steps; k += 8) {
      f32x8 tile[8];
      FATHOM_UNROLL for (int i = 0; i < 8; ++i) { tile[i] = Weight::template decode<8>(source[i] + k); }
      transpose(tile);
      FATHOM_UNROLL for (int i = 0; i < 8; ++i) {
        *reinterpret_cast<Memory<float, 8>::Type *>(to + (k + i) * kPanel) = tile[i];
      }
    }
    for (; k < steps; ++k) {
      for (int i = 0; i < 8; ++i) {
        to[k * kPanel + i] = Weight::template decode<1>(source[i] + k)[0];
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

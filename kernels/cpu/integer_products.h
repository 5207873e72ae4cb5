// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of integers of 8 bits: rows and weights both in groups of 32 that share a scale.
//
// The products of a group add up to an i32, exactly, whatever multiplies them; groups follow in ascending order:
// sum = fma(f32(integer), weight's scale * row's scale, sum). So all machines agree in every bit.
//
// Instructions take four steps of a column side by side. Weights in panels have one step after the other, so that they
// are brought together as they are loaded.

#ifndef FATHOM_KERNELS_CPU_INTEGER_PRODUCTS_H
#define FATHOM_KERNELS_CPU_INTEGER_PRODUCTS_H

#include "kernels/cpu/tile_products.h"

namespace fathom::cpu {

constexpr int64_t kScaleGroup = FATHOM_SCALE_GROUP;
constexpr int64_t kGroupsOfBlock = kBlock / kScaleGroup;

using i8x32 = int8_t __attribute__((ext_vector_type(32)));
using i16x16 = int16_t __attribute__((ext_vector_type(16)));
using i32x8 = int32_t __attribute__((ext_vector_type(8)));

/// Sums of four products of integers in each lane, of 16 columns by a row.
template <class Tile>
struct IntegerDots {
  static FATHOM_INLINE i32x16 prepare(i32x16 weights) { return weights; }
  static FATHOM_INLINE i32x16 begin(int32_t /*offset*/) { return 0; }
  /// vpmaddubsw wants one of the factors unsigned: signs of weights move to the row. Two products fit 16 bits, since no
  /// integer of a row is -128.
  static FATHOM_INLINE i32x16 add(i32x16 sums, i32x16 weights, i32x16 row) {
    i32x16 result;
    result.lo = sums.lo + dot(weights.lo, row.lo);
    result.hi = sums.hi + dot(weights.hi, row.hi);
    return result;
  }

private:
  static FATHOM_INLINE i32x8 dot(i32x8 weights, i32x8 row) {
    typedef char Bytes __attribute__((vector_size(32)));
    auto w = __builtin_bit_cast(Bytes, weights), x = __builtin_bit_cast(Bytes, row);
    auto magnitudes = __builtin_elementwise_abs(__builtin_bit_cast(i8x32, weights));
    auto pairs = __builtin_ia32_pmaddubsw256(__builtin_bit_cast(Bytes, magnitudes), __builtin_ia32_psignb256(x, w));
    typedef short Shorts __attribute__((vector_size(32)));
    Shorts ones = __builtin_bit_cast(Shorts, i16x16(1));
    return __builtin_bit_cast(i32x8, __builtin_ia32_pmaddwd256(pairs, ones));
  }
};

#ifdef __AVX512VNNI__
/// vpdpbusd: weights become unsigned by 128 more, of which the row's offset takes the excess.
template <>
struct IntegerDots<Avx512VnniTile> {
  static FATHOM_INLINE i32x16 prepare(i32x16 weights) { return weights ^ static_cast<int32_t>(0x80808080); }
  static FATHOM_INLINE i32x16 begin(int32_t offset) { return offset; }
  static FATHOM_INLINE i32x16 add(i32x16 sums, i32x16 weights, i32x16 row) {
    typedef int Words __attribute__((vector_size(64)));
    auto words = [](i32x16 value) __attribute__((always_inline)) { return __builtin_bit_cast(Words, value); };
    return __builtin_bit_cast(i32x16, __builtin_ia32_vpdpbusd512(words(sums), words(weights), words(row)));
  }
};
#endif

/// Up to four steps of a panel, side by side for each column: those of columns [0, 16) and of [16, 32). Missing ones
/// are 0.
FATHOM_INLINE void load_quads(const int8_t *step, int64_t steps, i32x16 *quads) {
  i8x32 rows[4];
  FATHOM_UNROLL for (int i = 0; i < 4; ++i) { rows[i] = i < steps ? load_vector<kPanel>(step + i * kPanel) : i8x32(0); }
  // Pairs of steps in lanes of 16 bits, then pairs of those.
  auto join = [](i8x32 even, i8x32 odd) __attribute__((always_inline)) {
    using Wide = uint16_t __attribute__((ext_vector_type(32)));
    using Bytes = uint8_t __attribute__((ext_vector_type(32)));
    return __builtin_convertvector(__builtin_bit_cast(Bytes, even), Wide) |
           (__builtin_convertvector(__builtin_bit_cast(Bytes, odd), Wide) << 8);
  };
  auto low = join(rows[0], rows[1]), high = join(rows[2], rows[3]);
  FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
    auto wide = [&](auto pairs) __attribute__((always_inline)) {
      return v == 0 ? __builtin_convertvector(pairs.lo, u32x16) : __builtin_convertvector(pairs.hi, u32x16);
    };
    quads[v] = __builtin_bit_cast(i32x16, wide(low) | (wide(high) << 16));
  }
}

/// Some rows from one block of steps on.
template <int Rows>
struct IntegerTile {
  int8_t numbers[Rows][kBlock];
  float scales[Rows][kGroupsOfBlock];
  int32_t offsets[Rows][kGroupsOfBlock];

  /// Past the last row it repeats that row; past the last step numbers are 0.
  FATHOM_INLINE void copy(const RowSource &x, int64_t row, int64_t rows, int64_t depth, int64_t from) {
    int64_t steps = smaller(kBlock, depth - from), groups = ceil_div(steps, kScaleGroup);
    for (int64_t r = 0; r < Rows; ++r) {
      const char *source = x(smaller(row + r, rows - 1)).data;
      int64_t i = 0;
      for (; i + kPanel <= steps; i += kPanel) {
        *reinterpret_cast<Memory<int8_t, kPanel>::Type *>(numbers[r] + i) =
            load_vector<kPanel>(reinterpret_cast<const int8_t *>(source) + from + i);
      }
      for (; i < ceil_div(steps, kScaleGroup) * kScaleGroup; ++i) {
        numbers[r][i] = i < steps ? reinterpret_cast<const int8_t *>(source)[from + i] : 0;
      }
      int64_t first = from / kScaleGroup;
      for (int64_t g = 0; g < groups; ++g) {
        scales[r][g] = reinterpret_cast<const float *>(source + fathom_group_scales(depth))[first + g];
        offsets[r][g] = reinterpret_cast<const int32_t *>(source + fathom_group_offsets(depth))[first + g];
      }
    }
  }

  FATHOM_INLINE i32x16 quad(int row, int64_t step) const {
    return __builtin_bit_cast(int32_t, load_vector<4>(numbers[row] + step));
  }
};

/// What products of integers keep where others keep decoded weights.
struct IntegerScratch {
  int32_t quads[kGroup][kBlock / 4][kPanel];
  float scales[kGroup][kGroupsOfBlock][kPanel];
  IntegerTile<12> tile;
};
static_assert(sizeof(IntegerScratch) <= sizeof(MultiplyScratch), "products of integers have the memory of others");

/// One tile: sums [Rows][32] += rows * panel, over a group.
template <class Tile, int Rows, int Vectors, class Rows_>
FATHOM_INLINE void multiply_group(const Rows_ &tile, int64_t group, const int32_t (*quads)[kPanel], const float *scales,
                                  float *sums) {
  using Dots = IntegerDots<Tile>;
  for (int64_t column = 0; column < kPanel; column += Vectors * kLanes) {
    i32x16 dots[Rows][Vectors];
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { dots[r][v] = Dots::begin(tile.offsets[r][group]); }
    }
    FATHOM_UNROLL for (int64_t k = 0; k < kScaleGroup; k += 4) {
      i32x16 weights[Vectors];
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        weights[v] = load_vector<kLanes>(quads[k / 4] + column + v * kLanes);
      }
      FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
        i32x16 x = tile.quad(r, group * kScaleGroup + k);
        FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { dots[r][v] = Dots::add(dots[r][v], weights[v], x); }
      }
    }
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        float *sum = sums + r * kPanel + column + v * kLanes;
        f32x16 scale = load(scales + column + v * kLanes) * tile.scales[r][group];
        store(sum, fma(__builtin_convertvector(dots[r][v], f32x16), scale, load(sum)));
      }
    }
  }
}

/// Rows from `row` to `end` over a block of steps whose quads and scales are there.
template <class Tile, int Rows, int Vectors>
FATHOM_INLINE int64_t multiply_integer_tiles(const RowSource &x, int64_t row, int64_t end, int64_t depth, int64_t from,
                                             int64_t panels, IntegerScratch *scratch, const Sums &sums) {
  auto &tile = *reinterpret_cast<IntegerTile<Rows> *>(&scratch->tile);
  int64_t groups = ceil_div(smaller(kBlock, depth - from), kScaleGroup);
  for (; row < end; row += Rows) {
    tile.copy(x, row, sums.rows, depth, from);
    for (int64_t p = 0; p < panels; ++p) {
      for (int64_t g = 0; g < groups; ++g) {
        multiply_group<Tile, Rows, Vectors>(tile, g, scratch->quads[p] + g * (kScaleGroup / 4), scratch->scales[p][g],
                                            sums.at(p, row));
      }
    }
  }
  return row;
}

/// Quads, as `Tile` adds them, and scales of a block of steps of some panels.
template <class Tile>
FATHOM_INLINE void take_block(const PanelWeights<I8> &weights, int64_t first, int64_t panels, int64_t from,
                              IntegerScratch *scratch) {
  int64_t steps = smaller(kBlock, weights.depth - from), groups = ceil_div(steps, kScaleGroup);
  for (int64_t p = 0; p < panels; ++p) {
    const int8_t *panel = weights.panel(first + p) + from * kPanel;
    for (int64_t k = 0; k < groups * kScaleGroup; k += 4) {
      prefetch<4 * kPanel>(reinterpret_cast<const char *>(panel + k * kPanel) + kPanelPrefetch);
      i32x16 quads[2];
      load_quads(panel + k * kPanel, steps - k, quads);
      FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
        *reinterpret_cast<Memory<int32_t, kLanes>::Type *>(&scratch->quads[p][k / 4][v * kLanes]) =
            IntegerDots<Tile>::prepare(quads[v]);
      }
    }
    for (int64_t g = 0; g < groups; ++g) {
      weights.scales(first + p, from + g * kScaleGroup, scratch->scales[p][g]);
    }
  }
}

/// One row over `Streams` panels: weights go from memory to where they are multiplied.
template <class Tile, int Streams>
FATHOM_INLINE void multiply_integer_row(const PanelWeights<I8> &weights, const RowSource &x, int64_t first,
                                        IntegerTile<1> &tile, const Sums &sums, int64_t slot) {
  using Dots = IntegerDots<Tile>;
  const int8_t *panels[Streams];
  f32x16 total[Streams][2];
  FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
    panels[s] = weights.panel(first + slot + s);
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) { total[s][v] = load(sums.at(slot + s, 0) + v * kLanes); }
  }
  for (int64_t from = 0; from < weights.depth; from += kScaleGroup) {
    if (from % kBlock == 0) {
      tile.copy(x, 0, 1, weights.depth, from);
    }
    int64_t group = from % kBlock / kScaleGroup;
    i32x16 dots[Streams][2];
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) { dots[s][0] = dots[s][1] = Dots::begin(tile.offsets[0][group]); }
    for (int64_t k = 0; k < kScaleGroup; k += 4) {
      FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
        const int8_t *step = panels[s] + (from + k) * kPanel;
        prefetch<4 * kPanel>(reinterpret_cast<const char *>(step) + kPanelPrefetch / Streams);
        i32x16 quads[2];
        load_quads(step, weights.depth - from - k, quads);
        FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
          dots[s][v] = Dots::add(dots[s][v], Dots::prepare(quads[v]), tile.quad(0, from % kBlock + k));
        }
      }
    }
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
      float scales[kPanel];
      weights.scales(first + slot + s, from, scales);
      FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
        f32x16 scale = load(scales + v * kLanes) * tile.scales[0][group];
        total[s][v] = fma(__builtin_convertvector(dots[s][v], f32x16), scale, total[s][v]);
      }
    }
  }
  FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) { store(sums.at(slot + s, 0) + v * kLanes, total[s][v]); }
  }
}

/// `Streams` panels at once, and the last ones fewer at once.
template <class Tile, int Streams>
FATHOM_INLINE void multiply_integer_streams(const PanelWeights<I8> &weights, const RowSource &x, int64_t first,
                                            int64_t panels, IntegerTile<1> &tile, const Sums &sums, int64_t slot = 0) {
  for (; slot + Streams <= panels; slot += Streams) {
    multiply_integer_row<Tile, Streams>(weights, x, first, tile, sums, slot);
  }
  if constexpr (Streams > 1) {
    multiply_integer_streams<Tile, Streams / 2>(weights, x, first, panels, tile, sums, slot);
  }
}

/// sums[p][row] += x(row) * panel first + p, where both are integers.
template <class Tile>
FATHOM_INLINE void multiply_integers(const PanelWeights<I8> &weights, const RowSource &x, int64_t first, int64_t panels,
                                     MultiplyScratch *memory, const Sums &sums) {
  auto *scratch = reinterpret_cast<IntegerScratch *>(memory);
  if (sums.rows == 1) {
    auto &tile = *reinterpret_cast<IntegerTile<1> *>(&scratch->tile);
    return multiply_integer_streams<Tile, Tile::kStreams>(weights, x, first, panels, tile, sums);
  }
  int64_t whole = sums.rows - sums.rows % Tile::kRows;
  for (int64_t from = 0; from < weights.depth; from += kBlock) {
    take_block<Tile>(weights, first, panels, from, scratch);
    int64_t row = multiply_integer_tiles<Tile, Tile::kRows, Tile::kVectors>(x, 0, whole, weights.depth, from, panels,
                                                                            scratch, sums);
    multiply_integer_tiles<Tile, Tile::kFewRows, Tile::kFewVectors>(x, row, sums.rows, weights.depth, from, panels,
                                                                    scratch, sums);
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_INTEGER_PRODUCTS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scores of an index that are nearly right, by matrix instructions (AMX), and how far off they are at most.
//
// A number is split into two of bf16, x = high + low + rest, and a product of f32 numbers becomes three that AMX adds
// up in f32: high * high, high * low and low * high. Tiles have a key in each row and a head in each column.
// index_search.h scores keys that are too close to call by the bound again in f32, so that the screen decides how long
// a search takes and never what it finds.
//
// The bound. Where no key is longer than K, and u = 2^-24, the error of a score is at most
//
//   c * sum over h of |w[h]| * |q[h]| * K,   c = (3 * 256 + 4 * d + 2 * H) * u.
//
// |low| <= 2^-8 |x| and |rest| <= 2^-16 |x|, so a product lacks low * low and two rests, each 256 * u of |q| * |k|; 3 *
// d terms here and d terms in f32 are added with an error of u a term, in any order, and so are heads in both. Relu
// brings no two numbers further apart. docs/rationale/0017-screened-index.md derives it, and says why kSlack covers
// products of errors and rounding of the bound, and kTiny what AMX takes for zero.

#ifndef FATHOM_KERNELS_CPU_SCREEN_H
#define FATHOM_KERNELS_CPU_SCREEN_H

#include "kernels/cpu/indexing.h"

namespace fathom::cpu {

using u16x32 = uint16_t __attribute__((ext_vector_type(32)));

/// Two bf16 numbers of each lane, in the upper halves, whose sum is nearly x: each the nearest.
struct SplitNumbers {
  u32x16 high, low;
};

FATHOM_INLINE SplitNumbers split(f32x16 x) {
  // Of what is halfway, the larger.
  u32x16 high = __builtin_bit_cast(u32x16, x) + 0x8000;
  f32x16 rest = x - __builtin_bit_cast(f32x16, high & 0xFFFF0000); // exact
  return {high, __builtin_bit_cast(u32x16, rest) + 0x8000};
}

/// The upper halves of all lanes.
FATHOM_INLINE u16x32 upper_halves(u32x16 a, u32x16 b) {
  return __builtin_shufflevector(__builtin_bit_cast(u16x32, a), __builtin_bit_cast(u16x32, b), 1, 3, 5, 7, 9, 11, 13,
                                 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57,
                                 59, 61, 63);
}

/// Sum of the lanes of each of 16 vectors, in their order.
FATHOM_INLINE f32x16 sum_each(f32x16 *v) {
  FATHOM_UNROLL for (int width = 16; width > 1; width /= 2) {
    FATHOM_UNROLL for (int i = 0; i < width / 2; ++i) {
      f32x16 a = v[2 * i], b = v[2 * i + 1];
      v[i] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
             __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    }
  }
  return v[0];
}

/// While this lives, a thread has tiles of 16 rows of 64 bytes. Tiles 0 to 3 are sums for 16 keys and four times 16
/// heads, 4 has numbers of keys, 5 to 7 take turns with those of heads.
struct Tiles {
  FATHOM_INLINE Tiles() {
    struct {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shapes;
    __builtin_ia32_tile_loadconfig(&shapes);
  }
  FATHOM_INLINE ~Tiles() { __builtin_ia32_tilerelease(); }

  static FATHOM_INLINE void clear() {
    __builtin_ia32_tilezero(0);
    __builtin_ia32_tilezero(1);
    __builtin_ia32_tilezero(2);
    __builtin_ia32_tilezero(3);
  }
  template <int Tile>
  static FATHOM_INLINE void read(const uint16_t *tiles, int64_t index) {
    __builtin_ia32_tileloadd64(Tile, tiles + index * kTileNumbers, 2 * kTileDepth);
  }
  /// f32 [16 keys][16 heads].
  template <int Tile>
  static FATHOM_INLINE void write(float *to) {
    __builtin_ia32_tilestored64(Tile, to, kTileRows * kFloat);
  }

  /// How many products of tiles `multiply` is.
  static FATHOM_INLINE int64_t products(bool has_low) { return has_low ? 12 : 8; }

  /// sums += key * head for tiles [key: high, low] and [heads: high, low][4]; the low halves of keys count if
  /// `has_low`. Sums take turns, because an instruction takes more than three times as long as the next has to wait for
  /// its start. `pause` does a piece of other work after each product: pieces that are larger than what a processor
  /// looks ahead would keep the next product from starting.
  template <class Pause>
  static FATHOM_INLINE void multiply(const uint16_t *key, const uint16_t *heads, bool has_low, const Pause &pause) {
    read<4>(key, 0);
    read<5>(heads, 4);
    __builtin_ia32_tdpbf16ps(0, 4, 5);
    pause();
    read<6>(heads, 5);
    __builtin_ia32_tdpbf16ps(1, 4, 6);
    pause();
    read<7>(heads, 6);
    __builtin_ia32_tdpbf16ps(2, 4, 7);
    pause();
    read<5>(heads, 7);
    __builtin_ia32_tdpbf16ps(3, 4, 5);
    pause();
    read<6>(heads, 0);
    __builtin_ia32_tdpbf16ps(0, 4, 6);
    pause();
    read<7>(heads, 1);
    __builtin_ia32_tdpbf16ps(1, 4, 7);
    pause();
    read<5>(heads, 2);
    __builtin_ia32_tdpbf16ps(2, 4, 5);
    pause();
    read<6>(heads, 3);
    __builtin_ia32_tdpbf16ps(3, 4, 6);
    pause();
    if (has_low) {
      read<4>(key, 1);
      __builtin_ia32_tdpbf16ps(1, 4, 7);
      pause();
      __builtin_ia32_tdpbf16ps(2, 4, 5);
      pause();
      __builtin_ia32_tdpbf16ps(3, 4, 6);
      pause();
      read<7>(heads, 0);
      __builtin_ia32_tdpbf16ps(0, 4, 7);
      pause();
    }
  }
};

/// Up to 16 keys side by side as their store keeps them, and where those are that are fetched while they are read.
struct TileKeys {
  const char *rows;
  int64_t count;
  const char *ahead;

  /// Fetches piece `i` of the keys a block behind these, of `bytes` bytes.
  FATHOM_INLINE void fetch(int64_t i, int64_t bytes) const {
    for (int64_t line = 0; line < bytes; line += 64) {
      __builtin_prefetch(ahead + i * bytes + line, /*write=*/0, /*locality=*/2);
    }
  }
};

/// Scores keys for one row, 16 at a time. Matrices and vectors are of different parts of a processor: while numbers of
/// the keys are multiplied, the next are split. Few wait at any time, since tiles of queries shall stay in the first
/// cache, which is hardly larger.
class Screen {
public:
  FATHOM_INLINE Screen(const IndexQuery &query, const RowFormat &format, const ScreenScratch<float *> &memory)
      : query(query), format(format), memory(memory) {
    float weights = 0.0f, largest_norm = 0.0f, sum = 0.0f;
    for (int64_t h = 0; h < memory.heads; ++h) {
      float weight = h < query.heads ? query.w[h] : 0.0f, norm = load_head(h);
      memory.weights[h] = weight;
      weight = weight < 0.0f ? -weight : weight;
      largest_norm = largest_norm < norm ? norm : largest_norm;
      weights += weight;
      sum += weight * (norm + kTiny);
    }
    for (int64_t i = 0; i < memory.depth / 2; i += kLanes) {
      store(memory.squares + i, 0.0f);
    }
    constexpr float kUnit = 0x1p-24f, kSlack = 1.0625f;
    float terms = 3 * 256 + 4 * static_cast<float>(query.d) + 2 * static_cast<float>(query.heads);
    bool is_usual = largest_norm < kHuge && weights < kHuge && sum < kHuge * kHuge;
    slope = is_usual ? kSlack * kUnit * terms * sum : __builtin_inff();
  }

  /// Starts with the keys that are scored first.
  FATHOM_INLINE void start(const TileKeys &first) {
    take(first);
    split_keys(0, 0, kTileRows);
  }

  /// scores[16] of the keys that it has, within `bound`; then it has `next`, of which there may be none.
  FATHOM_INLINE void score(const TileKeys &next, float *scores) {
    const int64_t products = Tiles::products(format.isF32());
    store(scores, 0.0f);
    for (int64_t h = 0; h < memory.heads; h += kTileHeads) {
      Tiles::clear();
      for (int64_t i = 0; i < memory.depth; i += kTileDepth) {
        bool is_last = i + kTileDepth >= memory.depth;
        if (is_last && h + kTileHeads >= memory.heads) {
          take(next);
        }
        const uint16_t *tiles = key_tiles();
        slot = 1 - slot;
        int64_t begun = 0;
        Tiles::multiply(tiles, head_tiles(h, i), format.isF32(), [&]() __attribute__((always_inline)) {
          int64_t j = kTileRows * begun / products;
          begun += 1;
          split_keys(is_last ? 0 : i + kTileDepth, j, kTileRows * begun / products);
        });
      }
      store(scores, load(scores) + add_heads(h));
    }
  }

  /// How far any score so far may be from that of indexing.h. Infinite or NaN where that is not known: then scores
  /// mean nothing.
  FATHOM_INLINE float bound() const {
    f32x16 squares = 0.0f;
    for (int64_t i = 0; i < memory.depth; i += kTileDepth) {
      squares = squares + load(memory.squares + i / 2);
    }
    float norm = __builtin_sqrtf(sum(squares));
    return norm < kHuge ? slope * (norm + kTiny) + 0x1p-100f : __builtin_inff();
  }

private:
  /// Nothing that is made of numbers below kHuge overflows; what underflows is little beside kTiny * kTiny.
  static constexpr float kHuge = 0x1p40f, kTiny = 0x1p-40f;

  /// Numbers [0, 16) of which `count` are there; the others are 0.
  static FATHOM_INLINE f32x16 load_some(const float *from, int64_t count) {
    return count >= kLanes ? load(from) : load_part(from, greater(count, 0));
  }

  /// Puts a head's query into its column of tiles, of which a row has two numbers; returns its norm.
  FATHOM_INLINE float load_head(int64_t h) const {
    f32x16 squares = 0.0f;
    int64_t d = h < query.heads ? query.d : 0;
    for (int64_t i = 0; i < memory.depth; i += kTileDepth) {
      f32x16 a = load_some(query.q + h * query.d + i, d - i);
      f32x16 b = load_some(query.q + h * query.d + i + kLanes, d - i - kLanes);
      squares = fma(b, b, fma(a, a, squares));
      SplitNumbers x = split(a), y = split(b);
      uint16_t *column = head_tiles(h, i) + h % kTileHeads / kTileRows * kTileNumbers + h % kTileRows * 2;
      store_column(column, upper_halves(x.high, y.high));
      store_column(column + kTileHeads * kTileDepth, upper_halves(x.low, y.low));
    }
    return __builtin_sqrtf(sum(squares));
  }

  static FATHOM_INLINE void store_column(uint16_t *column, u16x32 numbers) {
    u32x16 pairs = __builtin_bit_cast(u32x16, numbers);
    FATHOM_UNROLL for (int r = 0; r < kTileRows; ++r) {
      *reinterpret_cast<Memory<uint32_t, 1>::Type *>(column + r * kTileDepth) = pairs[r];
    }
  }

  /// Tiles of numbers [i, i + 32) of the 64 heads with `h` among them.
  FATHOM_INLINE uint16_t *head_tiles(int64_t h, int64_t i) const {
    auto *tiles = reinterpret_cast<uint16_t *>(memory.queries);
    return tiles + (h / kTileHeads * memory.depth + i) * 2 * kTileHeads;
  }

  /// Tiles of the numbers that are split now; those of the other slot are multiplied.
  FATHOM_INLINE uint16_t *key_tiles() const {
    return reinterpret_cast<uint16_t *>(memory.keys) + slot * 2 * kTileNumbers;
  }

  FATHOM_INLINE void take(const TileKeys &next) {
    turn = 1 - turn;
    keys = next;
    numbers = decode_rows(keys.rows, keys.count, format, memory.decoded + turn * kTileRows * memory.depth);
  }

  /// Splits numbers [i, i + 32) of keys [j, end); past the last key it repeats that one.
  FATHOM_INLINE void split_keys(int64_t i, int64_t j, int64_t end) {
    if (keys.count == 0) {
      return;
    }
    int64_t count = size_of_part(query.d, kTileDepth, i);
    u32x16 most = __builtin_bit_cast(u32x16, load(memory.squares + i / 2));
    for (; j < end; ++j) {
      const float *from = numbers + smaller(j, keys.count - 1) * query.d + i;
      keys.fetch(i / kTileDepth * kTileRows + j, ceil_div(format.bytes() * kTileDepth, memory.depth));
      f32x16 a = load_some(from, count), b = load_some(from + kLanes, count - kLanes);
      SplitNumbers x = split(a), y = split(b);
      uint16_t *high = key_tiles() + j * kTileDepth, *low = high + kTileNumbers;
      *reinterpret_cast<Memory<uint16_t, 32>::Type *>(high) = upper_halves(x.high, y.high);
      *reinterpret_cast<Memory<uint16_t, 32>::Type *>(low) = upper_halves(x.low, y.low);
      // As integers: NaN is above all numbers.
      u32x16 squares = __builtin_bit_cast(u32x16, fma(b, b, a * a));
      if (!format.isF32()) {
        // These halves are left out, and 0 but for FP8 with a scale other than a power of two.
        squares |= __builtin_bit_cast(u32x16, ((x.low | y.low) >> 16) != 0);
      }
      most = squares > most ? squares : most;
    }
    store(memory.squares + i / 2, __builtin_bit_cast(f32x16, most));
  }

  /// Sums of w * relu(product) over the heads from `h` on, for each key.
  FATHOM_INLINE f32x16 add_heads(int64_t h) const {
    f32x16 sums[kTileRows];
    FATHOM_UNROLL for (int j = 0; j < kTileRows; ++j) { sums[j] = 0.0f; }
    add_tile<0>(h, sums);
    add_tile<1>(h, sums);
    add_tile<2>(h, sums);
    add_tile<3>(h, sums);
    return sum_each(sums);
  }

  template <int Tile>
  FATHOM_INLINE void add_tile(int64_t h, f32x16 *sums) const {
    Tiles::write<Tile>(memory.products);
    f32x16 weights = load(memory.weights + h + Tile * kLanes);
    FATHOM_UNROLL for (int j = 0; j < kTileRows; ++j) {
      sums[j] = fma(weights, larger(0.0f, load(memory.products + j * kLanes)), sums[j]);
    }
  }

  const IndexQuery &query;
  const RowFormat &format;
  ScreenScratch<float *> memory;
  TileKeys keys;
  const float *numbers = nullptr; ///< of keys, [count][d]
  int64_t turn = 0;               ///< where these are if they are not stored as f32
  int64_t slot = 0;
  float slope; ///< of the bound, over the norm of a key
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_SCREEN_H

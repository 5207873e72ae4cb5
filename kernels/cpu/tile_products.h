// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of bf16 by matrix instructions (AMX): sums of 32 rows and a panel, in four tiles.
//
// An instruction takes 32 steps of k. In each lane it begins two chains of multiply-adds at 0, one over the even steps
// and one over the odd ones, adds the two, and adds that to the sum. Steps behind the last are 0. Numbers and sums
// below 2^-126 are 0 to it. It is the same for any number of rows, which take time each: one row does not wait for
// fifteen that are not there. docs/rationale/0042-products-of-tiles.md says which machines agree.

#ifndef FATHOM_KERNELS_CPU_TILE_PRODUCTS_H
#define FATHOM_KERNELS_CPU_TILE_PRODUCTS_H

#include "kernels/cpu/pair_products.h"

namespace fathom::cpu {

/// Steps whose tiles are kept: of a group of panels, in the second cache.
constexpr int64_t kTileSteps = 192;

/// What products of tiles keep where others keep decoded weights.
struct TileScratch {
  uint16_t weights[kGroup][kTileSteps * kPanel]; ///< [step / 32][column / 16][16 pairs of steps][16 columns]
  uint16_t rows[2 * kTileRows][kTileSteps];
};
static_assert(sizeof(TileScratch) <= sizeof(MultiplyScratch), "products of tiles have the memory of others");

/// While this lives, a thread has tiles 0 to 3, sums of two times 16 rows and two times 16 columns, 4 and 5 with
/// numbers of the rows, and 6 and 7 with those of the columns. Of up to 32 rows the second tile has those beyond 16.
struct RowTiles {
  FATHOM_INLINE explicit RowTiles(int64_t rows) {
    struct {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shapes;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = static_cast<uint8_t>(smaller(rows, kTileRows));
    shapes.rows[2] = shapes.rows[3] = shapes.rows[5] = static_cast<uint8_t>(greater(rows - kTileRows, 1));
    __builtin_ia32_tile_loadconfig(&shapes);
  }
  FATHOM_INLINE ~RowTiles() { __builtin_ia32_tilerelease(); }

  /// Sums of 32 columns.
  template <bool Both>
  static FATHOM_INLINE void read_sums(const float *sums) {
    __builtin_ia32_tileloadd64(0, sums, kPanel * kFloat);
    __builtin_ia32_tileloadd64(1, sums + kLanes, kPanel * kFloat);
    if constexpr (Both) {
      __builtin_ia32_tileloadd64(2, sums + kTileRows * kPanel, kPanel * kFloat);
      __builtin_ia32_tileloadd64(3, sums + kTileRows * kPanel + kLanes, kPanel * kFloat);
    }
  }
  template <bool Both>
  static FATHOM_INLINE void write_sums(float *sums) {
    __builtin_ia32_tilestored64(0, sums, kPanel * kFloat);
    __builtin_ia32_tilestored64(1, sums + kLanes, kPanel * kFloat);
    if constexpr (Both) {
      __builtin_ia32_tilestored64(2, sums + kTileRows * kPanel, kPanel * kFloat);
      __builtin_ia32_tilestored64(3, sums + kTileRows * kPanel + kLanes, kPanel * kFloat);
    }
  }
  /// sums += rows [..][kTileSteps] * weights [2][16][16 pairs], over 32 steps.
  template <bool Both>
  static FATHOM_INLINE void multiply(const uint16_t *rows, const uint16_t *weights) {
    __builtin_ia32_tileloadd64(6, weights, 2 * kTileDepth);
    __builtin_ia32_tileloadd64(7, weights + kTileNumbers, 2 * kTileDepth);
    __builtin_ia32_tileloadd64(4, rows, 2 * kTileSteps);
    __builtin_ia32_tdpbf16ps(0, 4, 6);
    __builtin_ia32_tdpbf16ps(1, 4, 7);
    if constexpr (Both) {
      __builtin_ia32_tileloadd64(5, rows + kTileRows * kTileSteps, 2 * kTileSteps);
      __builtin_ia32_tdpbf16ps(2, 5, 6);
      __builtin_ia32_tdpbf16ps(3, 5, 7);
    }
  }
};

/// Two steps of a panel, or the last one and 0; fetches what is `ahead` bytes behind them.
FATHOM_INLINE void load_steps(const uint16_t *step, bool is_pair, int64_t ahead, u32x16 *pairs) {
  prefetch<4 * kPanel>(reinterpret_cast<const char *>(step) + ahead);
  if (is_pair) {
    return load_pairs(step, pairs);
  }
  auto last = load_vector<kPanel>(step);
  pairs[0] = __builtin_convertvector(last.lo, u32x16);
  pairs[1] = __builtin_convertvector(last.hi, u32x16);
}

/// Tiles of up to 32 steps of a panel.
FATHOM_INLINE void take_steps(const uint16_t *panel, int64_t steps, uint16_t *tiles) {
  for (int64_t k = 0; k < kTileDepth; k += 2, tiles += kTileDepth) {
    u32x16 pairs[2] = {0, 0};
    if (k < steps) {
      load_steps(panel + k * kPanel, k + 1 < steps, kPanelPrefetch, pairs);
    }
    *reinterpret_cast<Memory<uint32_t, kLanes>::Type *>(tiles) = pairs[0];
    *reinterpret_cast<Memory<uint32_t, kLanes>::Type *>(tiles + kTileNumbers) = pairs[1];
  }
}

/// Where tiles of weights are.
struct StepTiles {
  const uint16_t *panel; ///< they are taken from there as they are needed, 32 steps ahead; or null: they are there
  uint16_t *data;
  int64_t kept; ///< steps, of all that there are: 64 are in the first cache

  FATHOM_INLINE uint16_t *at(int64_t k) const { return data + k % kept * kPanel; }
};

/// sums [rows][32] += rows * weights, over up to kTileSteps steps.
template <bool Both>
FATHOM_INLINE void multiply_steps(const uint16_t *rows, const StepTiles &tiles, int64_t steps, float *sums) {
  RowTiles::read_sums<Both>(sums);
  auto take = [&](int64_t k) __attribute__((always_inline)) {
    if (tiles.panel && k < steps) {
      take_steps(tiles.panel + k * kPanel, smaller(kTileDepth, steps - k), tiles.at(k));
    }
  };
  take(0);
  for (int64_t k = 0; k < steps; k += kTileDepth) {
    take(k + kTileDepth);
    RowTiles::multiply<Both>(rows + k, tiles.at(k));
  }
  RowTiles::write_sums<Both>(sums);
}

/// The sum of two numbers, 0 where it is below 2^-126.
FATHOM_INLINE f32x16 add_flushed(f32x16 a, f32x16 b) { return multiply_add_pairs(0, 0, a + b); }

/// What an instruction makes of 32 steps, for one row and a panel, by those that multiply pairs: the even of a pair
/// beside 0, the odd of a pair beside 0.
struct SplitChains {
  f32x16 even[2] = {0.0f, 0.0f}, odd[2] = {0.0f, 0.0f};

  FATHOM_INLINE void add(uint32_t x, const u32x16 *pairs) {
    constexpr uint32_t kEven = 0xFFFF, kOdd = 0xFFFF0000;
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
      even[v] = multiply_add_pairs(x & kEven, pairs[v] & kEven, even[v]);
      odd[v] = multiply_add_pairs(x & kOdd, pairs[v] & kOdd, odd[v]);
    }
  }
  FATHOM_INLINE void end(float *sum) const {
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
      store(sum + v * kLanes, add_flushed(load(sum + v * kLanes), add_flushed(even[v], odd[v])));
    }
  }
};

/// The same products for one row, whose weights are read as fast as memory gives them: tiles of them are too much work.
template <int Streams>
FATHOM_INLINE void multiply_split_streams(const PanelWeights<Bf16> &weights, const uint16_t *row, int64_t first,
                                          int64_t panels, const Sums &sums, int64_t slot = 0) {
  for (; slot + Streams <= panels; slot += Streams) {
    for (int64_t from = 0; from < weights.depth; from += kTileDepth) {
      SplitChains chains[Streams];
      for (int64_t k = from; k < smaller(from + kTileDepth, weights.depth); k += 2) {
        bool is_pair = k + 1 < weights.depth;
        uint32_t x = is_pair ? load_pair(row + k) : row[k];
        FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
          u32x16 pairs[2];
          load_steps(weights.panel(first + slot + s) + k * kPanel, is_pair, kPanelPrefetch / Streams, pairs);
          chains[s].add(x, pairs);
        }
      }
      FATHOM_UNROLL for (int s = 0; s < Streams; ++s) { chains[s].end(sums.at(slot + s, 0)); }
    }
  }
  if constexpr (Streams > 1) {
    multiply_split_streams<Streams / 2>(weights, row, first, panels, sums, slot);
  }
}

/// Copies steps [from, from + steps) of rows, and zeros up to a whole tile.
FATHOM_INLINE void copy_steps(const RowSource &x, int64_t row, int64_t rows, int64_t from, int64_t steps,
                              TileScratch *memory) {
  for (int64_t r = 0; r < rows; ++r) {
    copy_codes(x(row + r).codes() + from, steps, memory->rows[r]);
    for (int64_t k = steps; k % kTileDepth != 0; ++k) {
      memory->rows[r][k] = 0;
    }
  }
}

/// sums[p][row] += x(row) * panel first + p, where both are bf16.
FATHOM_INLINE void multiply_by_tiles(const PanelWeights<Bf16> &weights, const RowSource &x, int64_t first,
                                     int64_t panels, MultiplyScratch *scratch, const Sums &sums) {
  if (sums.rows == 1) {
    return multiply_split_streams<4>(weights, x(0).codes(), first, panels, sums);
  }
  auto *memory = reinterpret_cast<TileScratch *>(scratch);
  bool is_once = sums.rows <= 2 * kTileRows; // that rows meet a panel
  for (int64_t from = 0; from < weights.depth; from += kTileSteps) {
    int64_t steps = smaller(kTileSteps, weights.depth - from);
    for (int64_t row = 0; row < sums.rows; row += 2 * kTileRows) {
      int64_t rows = smaller(2 * kTileRows, sums.rows - row);
      copy_steps(x, row, rows, from, steps, memory);
      RowTiles tiles(rows);
      for (int64_t p = 0; p < panels; ++p) {
        const uint16_t *panel = row == 0 ? weights.panel(first + p) + from * kPanel : nullptr;
        StepTiles of_panel = {panel, memory->weights[is_once ? 0 : p], is_once ? 2 * kTileDepth : kTileSteps};
        if (rows > kTileRows) {
          multiply_steps<true>(memory->rows[0], of_panel, steps, sums.at(p, row));
        } else {
          multiply_steps<false>(memory->rows[0], of_panel, steps, sums.at(p, row));
        }
      }
    }
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_TILE_PRODUCTS_H

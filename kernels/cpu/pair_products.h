// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of bf16 by an instruction that multiplies pairs (vdpbf16ps).
//
// It needs no decoding. In each lane it adds the product of the odd numbers of a pair, rounds, adds that of the even
// ones, and rounds again: the chain that multiply.h has for such products. But numbers and sums below 2^-126 are 0 to
// it. docs/rationale/0025-products-of-bf16.md says which machines agree.

#ifndef FATHOM_KERNELS_CPU_PAIR_PRODUCTS_H
#define FATHOM_KERNELS_CPU_PAIR_PRODUCTS_H

#include "kernels/cpu/multiply.h"

namespace fathom::cpu {

/// sum + x.odd * w.odd + x.even * w.even, in each lane.
FATHOM_INLINE f32x16 multiply_add_pairs(u32x16 x, u32x16 w, f32x16 sum) {
  using bf16x32 = __bf16 __attribute__((ext_vector_type(32)));
  return __builtin_ia32_dpbf16ps_512(sum, __builtin_bit_cast(bf16x32, x), __builtin_bit_cast(bf16x32, w));
}

/// Two steps of a panel, side by side for each column: those of columns [0, 16) and of [16, 32).
FATHOM_INLINE void load_pairs(const uint16_t *step, u32x16 *pairs) {
  auto even = load_vector<kPanel>(step), odd = load_vector<kPanel>(step + kPanel);
  pairs[0] = __builtin_bit_cast(u32x16, __builtin_shufflevector(even, odd, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6,
                                                                38, 7, 39, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45,
                                                                14, 46, 15, 47));
  pairs[1] = __builtin_bit_cast(u32x16, __builtin_shufflevector(even, odd, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21,
                                                                53, 22, 54, 23, 55, 24, 56, 25, 57, 26, 58, 27, 59, 28,
                                                                60, 29, 61, 30, 62, 31, 63));
}

/// Two numbers of a row.
FATHOM_INLINE uint32_t load_pair(const uint16_t *from) { return __builtin_bit_cast(uint32_t, load_vector<2>(from)); }

FATHOM_INLINE void copy_codes(const uint16_t *from, int64_t count, uint16_t *to) {
  int64_t i = 0;
  for (; i + kPanel <= count; i += kPanel) {
    *reinterpret_cast<Memory<uint16_t, kPanel>::Type *>(to + i) = load_vector<kPanel>(from + i);
  }
  for (; i < count; ++i) {
    to[i] = from[i];
  }
}

/// Rows of codes and panels of weights, both from the same step on.
template <int Rows, int Streams>
struct PairOperands {
  const uint16_t *rows[Rows];
  const uint16_t *panels[Streams];
};

/// sums.at(slot + s, row + r) += rows[r] * panels[s], over `steps` steps.
template <int Rows, int Streams>
FATHOM_INLINE void add_pairs(const PairOperands<Rows, Streams> &from, int64_t steps, const Sums &sums, int64_t slot,
                             int64_t row) {
  f32x16 chain[Streams][Rows][2];
  auto for_each_chain = [&](auto use) __attribute__((always_inline)) {
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
      FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
        FATHOM_UNROLL for (int v = 0; v < 2; ++v) { use(s, r, v, sums.at(slot + s, row + r) + v * kLanes); }
      }
    }
  };
  for_each_chain([&](int s, int r, int v, float *sum) __attribute__((always_inline)) { chain[s][r][v] = load(sum); });
  _Pragma("clang loop unroll(disable)") for (int64_t k = 0; k + 1 < steps; k += 2) {
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
      const uint16_t *step = from.panels[s] + k * kPanel;
      prefetch<4 * kPanel>(reinterpret_cast<const char *>(step) + kPanelPrefetch / Streams);
      u32x16 pairs[2];
      load_pairs(step, pairs);
      FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
        FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
          chain[s][r][v] = multiply_add_pairs(load_pair(from.rows[r] + k), pairs[v], chain[s][r][v]);
        }
      }
    }
  }
  int64_t last = steps - 1;
  for_each_chain([&](int s, int r, int v, float *sum) __attribute__((always_inline)) {
    if (steps % 2 == 1) {
      f32x16 x = Bf16::decode<1>(from.rows[r] + last)[0];
      chain[s][r][v] = fma(x, Bf16::decode<16>(from.panels[s] + last * kPanel + v * kLanes), chain[s][r][v]);
    }
    store(sum, chain[s][r][v]);
  });
}

/// `Rows` rows of all steps; past the last row it repeats that row.
template <int Rows, int Streams>
FATHOM_INLINE void multiply_pair_streams(const PanelWeights<Bf16> &weights, const RowSource &x, int64_t first,
                                         int64_t panels, const Sums &sums, int64_t slot = 0) {
  for (; slot + Streams <= panels; slot += Streams) {
    PairOperands<Rows, Streams> from;
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) { from.rows[r] = x(smaller(r, sums.rows - 1)).codes(); }
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) { from.panels[s] = weights.panel(first + slot + s); }
    add_pairs(from, weights.depth, sums, slot, 0);
  }
  if constexpr (Streams > 1) {
    multiply_pair_streams<Rows, Streams / 2>(weights, x, first, panels, sums, slot);
  }
}

/// Tiles of `Rows` rows from `row` to `end` over steps [from, from + steps); a copy of rows has one address.
template <int Rows>
FATHOM_INLINE int64_t multiply_pair_tiles(const PanelWeights<Bf16> &weights, const RowSource &x, int64_t row,
                                          int64_t end, int64_t first, int64_t panels, int64_t from, int64_t steps,
                                          uint16_t *tile, const Sums &sums) {
  for (; row < end; row += Rows) {
    PairOperands<Rows, 1> operands;
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      operands.rows[r] = tile + r * kBlock;
      copy_codes(x(smaller(row + r, sums.rows - 1)).codes() + from, steps, tile + r * kBlock);
    }
    for (int64_t p = 0; p < panels; ++p) {
      operands.panels[0] = weights.panel(first + p) + from * kPanel;
      add_pairs(operands, steps, sums, p, row);
    }
  }
  return row;
}

/// sums[p][row] += x(row) * panel first + p, where both are bf16.
template <class Tile>
FATHOM_INLINE void multiply_pairs(const PanelWeights<Bf16> &weights, const RowSource &x, int64_t first, int64_t panels,
                                  MultiplyScratch *scratch, const Sums &sums) {
  if (sums.rows == 1) {
    return multiply_pair_streams<1, 4>(weights, x, first, panels, sums);
  }
  if (sums.rows <= 2) {
    return multiply_pair_streams<2, 4>(weights, x, first, panels, sums);
  }
  if (sums.rows <= 4) {
    return multiply_pair_streams<4, 2>(weights, x, first, panels, sums);
  }
  if (sums.rows <= 6) {
    return multiply_pair_streams<6, 1>(weights, x, first, panels, sums);
  }
  auto *tile = reinterpret_cast<uint16_t *>(scratch->tile);
  for (int64_t from = 0; from < weights.depth; from += kBlock) {
    int64_t steps = smaller(kBlock, weights.depth - from), whole = sums.rows - sums.rows % Tile::kRows;
    int64_t row = multiply_pair_tiles<Tile::kRows>(weights, x, 0, whole, first, panels, from, steps, tile, sums);
    multiply_pair_tiles<Tile::kFewRows>(weights, x, row, sums.rows, first, panels, from, steps, tile, sums);
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_PAIR_PRODUCTS_H

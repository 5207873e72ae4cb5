// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sums += x * W over panels of W: the matrix multiplication behind every kernel that has one, by multiply-adds.
//
// Every element of the result is one chain of fused multiply-adds over k in ascending order, whatever tile
// computes it: one row and five hundred get the same bits. Where x and W are bf16 the order is 1, 0, 3, 2, …: that of
// instructions that multiply pairs (docs/rationale/0025-products-of-bf16.md). A scaled source restarts the chain where
// another scale begins and adds partial * scale to the sum, in block order. Lanes are output columns.

#ifndef FATHOM_KERNELS_CPU_MULTIPLY_H
#define FATHOM_KERNELS_CPU_MULTIPLY_H

#include "kernels/cpu/activations.h"

namespace fathom::cpu {

/// Register tiles of 32 vector registers of 16 lanes: 12 x 32 sums, one operand, two weights.
struct Avx512Tile {
  static constexpr int kRows = 12, kVectors = 2;
  static constexpr int kFewRows = 4, kFewVectors = 2;
  /// Sums that stay in registers while weights are decoded beside them, and panels that they are of at most.
  static constexpr int kChains = 24, kStreams = 4;
};

/// Register tiles of 16 vector registers of 8 lanes: 6 x 16 sums.
struct Avx2Tile {
  static constexpr int kRows = 6, kVectors = 1;
  static constexpr int kFewRows = 2, kFewVectors = 2;
  static constexpr int kChains = 6, kStreams = 2;
};

/// The same, with an instruction that multiplies pairs of bf16.
struct Avx512Bf16Tile : Avx512Tile {};

/// The same, with an instruction that multiplies four integers at a time.
struct Avx512VnniTile : Avx512Tile {};

/// The same, beside matrices of AMX that screen keys.
struct AmxTile : Avx512Tile {};

/// The same, beside matrices of AMX for products of bf16.
struct AmxBf16Tile : Avx512Tile {};

/// Panels at once where `rows` rows meet weights that are decoded in registers: enough chains to hide the latency of a
/// multiply-add. 0 where the rows have more sums than registers.
template <class Tile>
FATHOM_INLINE constexpr int streams_of(int rows) {
  return smaller(Tile::kChains / (2 * rows), Tile::kStreams);
}

/// Bytes of panels that are fetched ahead of their use when there are few rows. The processor's own prefetching, which
/// stops at every page, reaches three quarters of the speed of plain reading; with this a product reads as fast.
constexpr int64_t kPanelPrefetch = 4096;

/// The rows of x: one after the other, or picked by an index.
struct RowSource {
  Activation data;
  int64_t stride;
  const int32_t *index = nullptr;
  FATHOM_INLINE Activation operator()(int64_t row) const { return data + (index ? index[row] : row) * stride; }
};

/// Sums of panels: f32 [panel][stride][32], of which `rows` count; the stride leaves room for kSlackRows more.
struct Sums {
  float *data;
  int64_t rows;
  int64_t stride;
  FATHOM_INLINE Sums(float *data, int64_t rows) : Sums(data, rows, rows + kSlackRows) {}
  FATHOM_INLINE Sums(float *data, int64_t rows, int64_t stride) : data(data), rows(rows), stride(stride) {}
  FATHOM_INLINE float *at(int64_t panel, int64_t row) const { return data + (panel * stride + row) * kPanel; }
  FATHOM_INLINE void clear(int64_t panels) const {
    for (int64_t i = 0; i < panels * stride * kPanel; i += kLanes) {
      store(data + i, 0.0f);
    }
  }
};

/// Fetches `Bytes` bytes, or a part of a cache line, into the cache. Beyond the weights it does nothing.
template <int64_t Bytes>
FATHOM_INLINE void prefetch(const char *from) {
  FATHOM_UNROLL for (int64_t i = 0; i < Bytes; i += 64) { __builtin_prefetch(from + i); }
}

/// Begins a chain of sums, and ends it: a scaled one is a block's, and adds to the sum.
template <bool Scaled>
FATHOM_INLINE f32x16 begin_chain(const float *sum) {
  return Scaled ? f32x16(0.0f) : load(sum);
}

template <bool Scaled>
FATHOM_INLINE void end_chain(f32x16 chain, const float *scale, float *sum) {
  store(sum, Scaled ? fma(chain, load(scale), load(sum)) : chain);
}

/// Steps of a chain: 0, 1, 2, … or, where `odd_first` is 1, 1, 0, 3, 2, … and the one that is left. A number, since two
/// loops would be twice the code of every kernel; it folds as other constants do.
template <int Unroll, class Step>
FATHOM_INLINE void for_each_step(int64_t steps, int64_t odd_first, const Step &step) {
  int64_t whole = steps - (steps & odd_first);
  _Pragma("clang loop unroll_count(Unroll)") for (int64_t k = 0; k < whole; ++k) { step(k ^ odd_first); }
  if (whole < steps) {
    step(whole);
  }
}

/// Some steps of a group of panels: as they are stored, so that tiles decode them in registers and fetch those that
/// follow, or decoded before.
template <class Weight, bool Stored>
struct Blocks {
  using Type = Weight;
  static constexpr bool kStored = Stored;
  const typename Weight::Stored *data[kGroup];
  int64_t panels;
  int64_t from;
  int64_t steps;
  int64_t odd_first;
};

/// One tile: sums[Rows][32] += tile[Rows][kBlock] * panel `p` of the blocks.
template <int Rows, int Vectors, bool Scaled, class Blocks>
FATHOM_INLINE void multiply_tile(const float *tile, const Blocks &blocks, int64_t p, const float *scales, float *sums) {
  for (int64_t column = 0; column < kPanel; column += Vectors * kLanes) {
    f32x16 chain[Rows][Vectors];
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        chain[r][v] = begin_chain<Scaled>(sums + r * kPanel + column + v * kLanes);
      }
    }
    for_each_step<1>(blocks.steps, blocks.odd_first, [&](int64_t k) __attribute__((always_inline)) {
      auto *weights = blocks.data[p] + k * kPanel + column;
      if constexpr (Blocks::kStored) {
        prefetch<Vectors * kLanes * sizeof(*weights)>(reinterpret_cast<const char *>(weights + kBlock * kPanel));
      }
      f32x16 weight[Vectors];
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        weight[v] = Blocks::Type::template decode<kLanes>(weights + v * kLanes);
      }
      FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
        f32x16 x = tile[r * kBlock + k];
        FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[r][v] = fma(x, weight[v], chain[r][v]); }
      }
    });
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        int64_t at = column + v * kLanes;
        end_chain<Scaled>(chain[r][v], scales + at, sums + r * kPanel + at);
      }
    }
  }
}

/// Copies steps [from, from + steps) of `Rows` rows into a tile; past the last row it repeats that row. A copy has a
/// fixed stride: the inner loop needs one address, and rows a power of two apart do not fight for a cache set.
template <int Rows>
FATHOM_INLINE void copy_tile(const RowSource &x, int64_t row, int64_t rows, int64_t from, int64_t steps, float *tile) {
  for (int64_t r = 0; r < Rows; ++r) {
    copy_numbers(x(smaller(row + r, rows - 1)) + from, steps, tile + r * kBlock);
  }
}

template <int Rows, int Vectors, bool Scaled, class Blocks>
FATHOM_INLINE void multiply_tiles(const RowSource &x, int64_t row, int64_t end, const Blocks &blocks,
                                  MultiplyScratch *scratch, const Sums &sums) {
  for (; row < end; row += Rows) {
    copy_tile<Rows>(x, row, sums.rows, blocks.from, blocks.steps, scratch->tile);
    for (int64_t p = 0; p < blocks.panels; ++p) {
      multiply_tile<Rows, Vectors, Scaled>(scratch->tile, blocks, p, scratch->scales[p], sums.at(p, row));
    }
  }
}

/// Rows over blocks as they are stored, where a tile of few rows costs almost as much as a whole one: in whole tiles
/// and at most two of two thirds, which make up every number of thirds above one.
template <class Tile, bool Scaled, class Blocks>
FATHOM_INLINE void multiply_stored(const RowSource &x, const Blocks &blocks, MultiplyScratch *scratch,
                                   const Sums &sums) {
  constexpr int kThird = Tile::kFewRows;
  static_assert(Tile::kRows == 3 * kThird && streams_of<Tile>(kThird) > 0);
  int64_t thirds = ceil_div(sums.rows, kThird), rest = 2 * ((3 - thirds % 3) % 3);
  int64_t whole = (thirds - rest) * kThird;
  multiply_tiles<Tile::kRows, Tile::kVectors, Scaled>(x, 0, whole, blocks, scratch, sums);
  multiply_tiles<2 * kThird, Tile::kVectors, Scaled>(x, whole, sums.rows, blocks, scratch, sums);
}

/// `Rows` rows over `Streams` panels, decoding in registers: what a weight costs to fetch and to decode, it costs once.
/// Past the last row it repeats that row.
template <int Rows, int Streams, class Source>
FATHOM_INLINE void multiply_streams(const Source &weights, const RowSource &x, int64_t panel, int64_t odd_first,
                                    float *tile, const Sums &sums, int64_t slot) {
  using Weight = typename Source::Type;
  constexpr bool kScaled = Source::kScaled;
  constexpr int64_t kStep = kPanel * sizeof(typename Weight::Stored);
  const typename Weight::Stored *data[Streams];
  FATHOM_UNROLL for (int s = 0; s < Streams; ++s) { data[s] = weights.panel(panel + s); }
  auto for_each_sum = [&](auto use) __attribute__((always_inline)) {
    FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
      FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
        FATHOM_UNROLL for (int v = 0; v < 2; ++v) { use(s, r, v, sums.at(slot + s, r) + v * kLanes); }
      }
    }
  };
  const int64_t part = kScaled || !x.data.isF32() ? Weight::kSteps : weights.depth;
  for (int64_t from = 0; from < weights.depth; from += part) {
    int64_t end = smaller(from + part, weights.depth);
    const float *row[Rows];
    FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
      row[r] = read_numbers(x(smaller(r, sums.rows - 1)) + from, end - from, tile + r * kBlock);
    }
    f32x16 chain[Streams][Rows][2];
    for_each_sum([&](int s, int r, int v, float *sum)
                     __attribute__((always_inline)) { chain[s][r][v] = begin_chain<kScaled>(sum); });
    for_each_step<Rows == 1 ? 4 : 1>(end - from, odd_first, [&](int64_t k) __attribute__((always_inline)) {
      FATHOM_UNROLL for (int s = 0; s < Streams; ++s) {
        const typename Weight::Stored *step = data[s] + (from + k) * kPanel;
        prefetch<kStep>(reinterpret_cast<const char *>(step) + kPanelPrefetch / Streams);
        // In one piece: instructions that decode 32 codes take fewer steps than two times those for 16.
        auto weight = Weight::template decode<kPanel>(step);
        FATHOM_UNROLL for (int r = 0; r < Rows; ++r) {
          chain[s][r][0] = fma(row[r][k], weight.lo, chain[s][r][0]);
          chain[s][r][1] = fma(row[r][k], weight.hi, chain[s][r][1]);
        }
      }
    });
    float scales[Streams][kPanel];
    FATHOM_UNROLL for (int s = 0; kScaled && s < Streams; ++s) {
      if constexpr (kScaled) {
        weights.scales(panel + s, from, scales[s]);
      }
    }
    for_each_sum([&](int s, int r, int v, float *sum) __attribute__((always_inline)) {
      end_chain<kScaled>(chain[s][r][v], scales[s] + v * kLanes, sum);
    });
  }
}

/// `Rows` rows over panels, `Streams` at once, and the last ones fewer at once.
template <int Rows, int Streams, class Source>
FATHOM_INLINE void multiply_panels(const Source &weights, const RowSource &x, int64_t first, int64_t panels,
                                   int64_t odd_first, float *tile, const Sums &sums, int64_t slot = 0) {
  for (; slot + Streams <= panels; slot += Streams) {
    multiply_streams<Rows, Streams>(weights, x, first + slot, odd_first, tile, sums, slot);
  }
  if constexpr (Streams > 1) {
    multiply_panels<Rows, Streams / 2>(weights, x, first, panels, odd_first, tile, sums, slot);
  }
}

/// Multiplies if the rows are at most `Rows`, and these few enough for the registers.
template <int Rows, class Tile, class Source>
FATHOM_INLINE bool multiply_few(const Source &weights, const RowSource &x, int64_t first, int64_t panels,
                                int64_t odd_first, float *tile, const Sums &sums) {
  if constexpr (Source::kPanels && streams_of<Tile>(Rows) > 0) {
    if (sums.rows <= Rows) {
      multiply_panels<Rows, streams_of<Tile>(Rows)>(weights, x, first, panels, odd_first, tile, sums);
      return true;
    }
  }
  return false;
}

/// One row over a panel of weights stored row by row, decoding in registers. A row that is not f32 is read in long
/// parts, of which few lines of the weights are in two.
template <class Weight>
FATHOM_INLINE void multiply_row(const RowWeights<Weight> &weights, const Activation &x, int64_t panel,
                                MultiplyScratch *scratch, float *sums) {
  constexpr bool kScaled = Weight::kQuantized;
  constexpr int64_t kPart = kGroup * kBlock * kPanel;
  const int64_t part = kScaled ? kBlock : x.isF32() ? weights.depth : kPart;
  f32x16 total[2] = {load(sums), load(sums + kLanes)};
  for (int64_t from = 0; from < weights.depth; from += part) {
    int64_t steps = smaller(part, weights.depth - from);
    const float *row = read_numbers(x + from, steps, scratch->blocks[0]);
    f32x16 chain[2];
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) { chain[v] = kScaled ? f32x16(0.0f) : total[v]; }
    auto add = [&](int64_t step, int half, f32x16 column)
                   __attribute__((always_inline)) { chain[half] = fma(row[step], column, chain[half]); };
    weights.columns(panel, from, steps, add);
    float scale[kPanel];
    if constexpr (kScaled) {
      weights.scales(panel, from, scale);
    }
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
      total[v] = kScaled ? fma(chain[v], load(scale + v * kLanes), total[v]) : chain[v];
    }
  }
  store(sums, total[0]);
  store(sums + kLanes, total[1]);
}

/// The part of a product that begins at step `from`, up to kSteps of the weight's type.
template <class Tile, class Source>
FATHOM_INLINE void multiply_block(const Source &weights, const RowSource &x, int64_t first, int64_t panels,
                                  int64_t from, int64_t odd_first, MultiplyScratch *scratch, const Sums &sums) {
  int64_t steps = smaller(Source::Type::kSteps, weights.depth - from);
  if constexpr (Source::kScaled) {
    for (int64_t p = 0; p < panels; ++p) {
      weights.scales(first + p, from, scratch->scales[p]);
    }
  }
  if constexpr (Source::kPanels) {
    if (sums.rows <= Source::Type::kDecodedRows) {
      Blocks<typename Source::Type, /*Stored=*/true> blocks{{}, panels, from, steps, odd_first};
      for (int64_t p = 0; p < panels; ++p) {
        blocks.data[p] = weights.panel(first + p) + from * kPanel;
      }
      multiply_stored<Tile, Source::kScaled>(x, blocks, scratch, sums);
      return;
    }
  }
  Blocks<F32, /*Stored=*/false> blocks{{}, panels, from, steps, odd_first};
  for (int64_t p = 0; p < panels; ++p) {
    blocks.data[p] = weights.block(first + p, from, steps, scratch->blocks[p]);
  }
  int64_t whole = sums.rows - sums.rows % Tile::kRows;
  multiply_tiles<Tile::kRows, Tile::kVectors, Source::kScaled>(x, 0, whole, blocks, scratch, sums);
  multiply_tiles<Tile::kFewRows, Tile::kFewVectors, Source::kScaled>(x, whole, sums.rows, blocks, scratch, sums);
}

/// `multiply` of products.h by chains of multiply-adds.
template <class Tile, class Source>
FATHOM_INLINE void multiply_in_order(const Source &weights, const RowSource &x, int64_t first, int64_t panels,
                                     int64_t odd_first, MultiplyScratch *scratch, const Sums &sums) {
  constexpr int kSome = streams_of<Tile>(4) > 0 ? 4 : 3;
  if (multiply_few<1, Tile>(weights, x, first, panels, odd_first, scratch->tile, sums) ||
      multiply_few<2, Tile>(weights, x, first, panels, odd_first, scratch->tile, sums) ||
      multiply_few<kSome, Tile>(weights, x, first, panels, odd_first, scratch->tile, sums) ||
      multiply_few<6, Tile>(weights, x, first, panels, odd_first, scratch->tile, sums)) {
    return;
  }
  if constexpr (Source::kWalksRows) {
    if (sums.rows == 1 && !odd_first) {
      for (int64_t p = 0; p < panels; ++p) {
        multiply_row(weights, x(0), first + p, scratch, sums.at(p, 0));
      }
      return;
    }
  }
  for (int64_t from = 0; from < weights.depth; from += Source::Type::kSteps) {
    multiply_block<Tile>(weights, x, first, panels, from, odd_first, scratch, sums);
  }
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_MULTIPLY_H

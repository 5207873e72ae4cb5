// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r
// columns of a key are its value.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), out [T, H, r]. An item is a row and `heads_per_item` heads.
// Keys 0..position of the row's sequence, in blocks of 64 that start at multiples of 64. A score is added up
// in sixteen lanes over the width, then in a tree; a result is one chain over the keys.

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

/// Heads and keys of a tile of scores, heads and vectors of a tile of results. Tiles do not change any bits.
template <class Tile>
struct LatentTile {
  static constexpr int kHeads = __is_same(Tile, Avx512Tile) ? 4 : 2;
  static constexpr int kColumns = __is_same(Tile, Avx512Tile) ? 4 : 2;
};

template <class Tile>
struct MlaLatentAttention : mla_latent_attention_constants {
  static constexpr int kHeads = LatentTile<Tile>::kHeads;
  static constexpr int kColumns = LatentTile<Tile>::kColumns;

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return rows * ceil_div(c[H], c[heads_per_item]);
  }

  /// scores[h][key] for kHeads heads and as many keys; past the last of either it repeats that one.
  static FATHOM_INLINE void score_tile(const float *const *q, const float *const *keys, int64_t width,
                                       float (*scores)[kHeads]) {
    f32x16 chain[kHeads][kHeads];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { chain[h][j] = 0.0f; }
    }
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      f32x16 key[kHeads];
      FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { key[j] = load(keys[j] + i); }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        f32x16 query = load(q[h] + i);
        FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { chain[h][j] = fma(query, key[j], chain[h][j]); }
      }
    }
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) {
        if (i < width) {
          chain[h][j] = fma(load_part(q[h] + i, width - i), load_part(keys[j] + i, width - i), chain[h][j]);
        }
        scores[h][j] = sum(chain[h][j]);
      }
    }
  }

  static FATHOM_INLINE void score_block(const float *q, int64_t heads, const float *block, int64_t keys, int64_t width,
                                        LatentHead *state) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      for (int64_t key0 = 0; key0 < keys; key0 += kHeads) {
        const float *queries[kHeads], *rows[kHeads];
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
          queries[i] = q + smaller(h0 + i, heads - 1) * width;
          rows[i] = block + smaller(key0 + i, keys - 1) * width;
        }
        float scores[kHeads][kHeads];
        score_tile(queries, rows, width, scores);
        FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
          FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) {
            state[smaller(h0 + h, heads - 1)].weights[key0 + j] = scores[h][j];
          }
        }
      }
    }
  }

  /// out[h][columns] = out * factor + weights * keys, for kHeads heads and Columns vectors.
  template <int Columns>
  static FATHOM_INLINE void value_tile(const LatentHead *const *heads, const float *block, int64_t keys, int64_t width,
                                       float *const *out) {
    f32x16 chain[kHeads][Columns];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { chain[h][v] = load(out[h] + v * kLanes) * heads[h]->factor; }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t j = 0; j < keys; ++j) {
      f32x16 value[Columns];
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { value[v] = load(block + j * width + v * kLanes); }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        f32x16 weight = heads[h]->weights[j];
        FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { chain[h][v] = fma(weight, value[v], chain[h][v]); }
      }
    }
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { store(out[h] + v * kLanes, chain[h][v]); }
    }
  }

  static FATHOM_INLINE void value_rest(const LatentHead *const *heads, const float *block, int64_t keys, int64_t width,
                                       int64_t from, int64_t end, float *const *out) {
    for (int h = 0; h < kHeads; ++h) {
      // A head that is repeated must not be added twice.
      for (int64_t i = from; i < end && (h == 0 || heads[h] != heads[h - 1]); ++i) {
        float chain = out[h][i] * heads[h]->factor;
        for (int64_t j = 0; j < keys; ++j) {
          chain = __builtin_elementwise_fma(heads[h]->weights[j], block[j * width + i], chain);
        }
        out[h][i] = chain;
      }
    }
  }

  static FATHOM_INLINE void value_block(const LatentHead *state, int64_t heads, const float *block, int64_t keys,
                                        int64_t width, int64_t rank, float *out) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      const LatentHead *tile[kHeads];
      float *to[kHeads];
      FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
        tile[i] = state + smaller(h0 + i, heads - 1);
        to[i] = out + smaller(h0 + i, heads - 1) * rank;
      }
      int64_t column = 0;
      for (; column + kColumns * kLanes <= rank; column += kColumns * kLanes) {
        value_tile<kColumns>(tile, block + column, keys, width, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kColumns * kLanes; }
      }
      for (; column + kLanes <= rank; column += kLanes) {
        value_tile<1>(tile, block + column, keys, width, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kLanes; }
      }
      value_rest(tile, block + column, keys, width, 0, rank - column, to);
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t groups = ceil_div(c[H], c[heads_per_item]);
    int64_t row = item / groups, first = item % groups * c[heads_per_item];
    int64_t heads = smaller(c[heads_per_item], c[H] - first);
    int64_t width = c[r] + c[dr];
    const float *q = operand<const float>(dispatch, 0) + (row * c[H] + first) * width;
    float *out = operand<float>(dispatch, 1) + (row * c[H] + first) * c[r];
    auto *state = static_cast<LatentHead *>(scratch);
    for (int64_t h = 0; h < heads; ++h) {
      state[h].state = SoftmaxState{-__builtin_inff(), 0.0f};
    }
    for (int64_t i = 0; i < heads * c[r]; ++i) {
      out[i] = 0.0f;
    }
    int64_t position = dispatch->positions[row];
    for (int64_t b = 0; b * kKeys <= position; ++b) {
      const float *block = cache_block(dispatch, row, b, width);
      int64_t keys = smaller(kKeys, position + 1 - b * kKeys);
      score_block(q, heads, block, keys, width, state);
      for (int64_t h = 0; h < heads; ++h) {
        state[h].factor = softmax_step(state[h].weights, keys, real(c[scale]), &state[h].state, state[h].weights);
      }
      value_block(state, heads, block, keys, width, c[r], out);
    }
    for (int64_t h = 0; h < heads; ++h) {
      float inverse = 1.0f / state[h].state.total;
      for (int64_t i = 0; i < c[r]; ++i) {
        out[h * c[r] + i] = out[h * c[r] + i] * inverse;
      }
    }
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<Tile>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that read the same keys and values: tiles of scores and of results over a block of keys.
//
// A score is added up in sixteen lanes over the width, then in a tree; a result is one chain over the keys. Neither
// depends on which heads and keys share a tile.

#ifndef FATHOM_KERNELS_CPU_ATTENDING_H
#define FATHOM_KERNELS_CPU_ATTENDING_H

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

template <class Tile>
struct Attending {
  /// Heads and keys of a tile of scores, heads and vectors of a tile of results.
  static constexpr int kHeads = __is_same(Tile, Avx512Tile) ? 4 : 2;
  static constexpr int kColumns = __is_same(Tile, Avx512Tile) ? 4 : 2;

  static FATHOM_INLINE void begin(AttendingHead *state, int64_t heads, int64_t width, float *out) {
    for (int64_t h = 0; h < heads; ++h) {
      state[h].state = SoftmaxState{-__builtin_inff(), 0.0f};
    }
    for (int64_t i = 0; i < heads * width; ++i) {
      out[i] = 0.0f;
    }
  }

  static FATHOM_INLINE void weigh(AttendingHead *state, int64_t heads, int64_t keys, float scale) {
    for (int64_t h = 0; h < heads; ++h) {
      state[h].factor = softmax_step(state[h].weights, keys, scale, &state[h].state, state[h].weights);
    }
  }

  static FATHOM_INLINE void finish(const AttendingHead *state, int64_t heads, int64_t width, float *out) {
    for (int64_t h = 0; h < heads; ++h) {
      float inverse = 1.0f / state[h].state.total;
      for (int64_t i = 0; i < width; ++i) {
        out[h * width + i] = out[h * width + i] * inverse;
      }
    }
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

  /// state[h].weights[key] = q[h] · block[key]: heads of `width` numbers, keys `stride` numbers apart.
  static FATHOM_INLINE void score_block(const float *q, int64_t heads, const float *block, int64_t keys, int64_t stride,
                                        int64_t width, AttendingHead *state) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      for (int64_t key0 = 0; key0 < keys; key0 += kHeads) {
        const float *queries[kHeads], *rows[kHeads];
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
          queries[i] = q + smaller(h0 + i, heads - 1) * width;
          rows[i] = block + smaller(key0 + i, keys - 1) * stride;
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
  static FATHOM_INLINE void value_tile(const AttendingHead *const *heads, const float *block, int64_t keys,
                                       int64_t stride, float *const *out) {
    f32x16 chain[kHeads][Columns];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { chain[h][v] = load(out[h] + v * kLanes) * heads[h]->factor; }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t j = 0; j < keys; ++j) {
      f32x16 value[Columns];
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { value[v] = load(block + j * stride + v * kLanes); }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        f32x16 weight = heads[h]->weights[j];
        FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { chain[h][v] = fma(weight, value[v], chain[h][v]); }
      }
    }
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { store(out[h] + v * kLanes, chain[h][v]); }
    }
  }

  static FATHOM_INLINE void value_rest(const AttendingHead *const *heads, const float *block, int64_t keys,
                                       int64_t stride, int64_t from, int64_t end, float *const *out) {
    for (int h = 0; h < kHeads; ++h) {
      // A head that is repeated must not be added twice.
      for (int64_t i = from; i < end && (h == 0 || heads[h] != heads[h - 1]); ++i) {
        float chain = out[h][i] * heads[h]->factor;
        for (int64_t j = 0; j < keys; ++j) {
          chain = __builtin_elementwise_fma(heads[h]->weights[j], block[j * stride + i], chain);
        }
        out[h][i] = chain;
      }
    }
  }

  /// out[h] = out[h] * factor + weights · block: values of `width` numbers, `stride` numbers apart.
  static FATHOM_INLINE void value_block(const AttendingHead *state, int64_t heads, const float *block, int64_t keys,
                                        int64_t stride, int64_t width, float *out) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      const AttendingHead *tile[kHeads];
      float *to[kHeads];
      FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
        tile[i] = state + smaller(h0 + i, heads - 1);
        to[i] = out + smaller(h0 + i, heads - 1) * width;
      }
      int64_t column = 0;
      for (; column + kColumns * kLanes <= width; column += kColumns * kLanes) {
        value_tile<kColumns>(tile, block + column, keys, stride, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kColumns * kLanes; }
      }
      for (; column + kLanes <= width; column += kLanes) {
        value_tile<1>(tile, block + column, keys, stride, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kLanes; }
      }
      value_rest(tile, block + column, keys, stride, 0, width - column, to);
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_ATTENDING_H

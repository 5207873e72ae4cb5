// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that read the same keys and values: tiles of scores and of results over blocks of keys.
//
// Keys 0..position of a row's sequence are read in blocks of 64 that start at multiples of 64. A score is added up in
// sixteen lanes over the width, then in a tree; a result is one chain over the keys. Neither depends on which heads and
// keys share a tile.

#ifndef FATHOM_KERNELS_CPU_ATTENDING_H
#define FATHOM_KERNELS_CPU_ATTENDING_H

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

/// Fetches some of the rows to come. Doing so at each step of other work keeps memory busy: the processor's own
/// prefetching ends with every block. It is the second level's cache that has room for a block of keys and one of
/// values.
FATHOM_INLINE void fetch(const float *&ahead, int64_t vectors) {
  for (int64_t i = 0; i < vectors; ++i, ahead += kLanes) {
    __builtin_prefetch(ahead, /*write=*/0, /*locality=*/2);
  }
}

/// Which heads of a row attend to what. Operands of a dispatch: q [T, H, width], out [T, H, value_width].
struct SharedKeys {
  int64_t H;
  int64_t first; ///< of `heads` heads
  int64_t heads;
  int64_t key_store;
  int64_t value_store;
  int64_t groups; ///< rows of a position in both stores
  int64_t group;
  int64_t width; ///< numbers of a row
  int64_t value_width;
  float scale;
};

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
                                       const float *&ahead, int64_t vectors, float (*scores)[kHeads]) {
    f32x16 chain[kHeads][kHeads];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { chain[h][j] = 0.0f; }
    }
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      fetch(ahead, vectors);
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

  /// Vectors to fetch at each step of the tile of head h0: the steps of all tiles fetch a block of rows.
  static FATHOM_INLINE int64_t vectors_of_step(int64_t h0, int64_t heads) {
    int64_t vectors = ceil_div(kHeads, ceil_div(heads, kHeads));
    return h0 / kHeads * vectors < kHeads ? vectors : 0;
  }

  /// state[h].weights[key] = q[h] · block[key]: heads and keys of `width` numbers.
  static FATHOM_INLINE void score_block(const float *q, int64_t heads, const float *block, int64_t keys, int64_t width,
                                        const float *ahead, AttendingHead *state) {
    for (int64_t key0 = 0; key0 < keys; key0 += kHeads) {
      for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
        const float *queries[kHeads], *rows[kHeads];
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
          queries[i] = q + smaller(h0 + i, heads - 1) * width;
          rows[i] = block + smaller(key0 + i, keys - 1) * width;
        }
        float scores[kHeads][kHeads];
        score_tile(queries, rows, width, ahead, vectors_of_step(h0, heads), scores);
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
                                       int64_t stride, const float *&ahead, int64_t vectors, float *const *out) {
    f32x16 chain[kHeads][Columns];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Columns; ++v) { chain[h][v] = load(out[h] + v * kLanes) * heads[h]->factor; }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t j = 0; j < keys; ++j) {
      fetch(ahead, vectors);
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
                                        int64_t stride, int64_t width, const float *ahead, float *out) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      const AttendingHead *tile[kHeads];
      float *to[kHeads];
      FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
        tile[i] = state + smaller(h0 + i, heads - 1);
        to[i] = out + smaller(h0 + i, heads - 1) * width;
      }
      int64_t column = 0;
      for (; column + kColumns * kLanes <= width; column += kColumns * kLanes) {
        value_tile<kColumns>(tile, block + column, keys, stride, ahead, vectors_of_step(h0, heads), to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kColumns * kLanes; }
      }
      for (; column + kLanes <= width; column += kLanes) {
        value_tile<1>(tile, block + column, keys, stride, ahead, 1, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kLanes; }
      }
      value_rest(tile, block + column, keys, stride, 0, width - column, to);
    }
  }

  static FATHOM_INLINE float *results(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row) {
    return operand<float>(dispatch, 1) + (row * s.H + s.first) * s.value_width;
  }

  static FATHOM_INLINE void attend_block(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, int64_t b,
                                         AttendingHead *state) {
    int64_t left = dispatch->positions[row] + 1 - b * kKeys, keys = smaller(kKeys, left);
    auto rows = [&](int64_t store, int64_t block) {
      return cache_row(dispatch, row, block * kKeys, store, s.width, s.groups, s.group);
    };
    const float *q = operand<const float>(dispatch, 0) + (row * s.H + s.first) * s.width;
    const float *values = rows(s.value_store, b), *next = rows(s.key_store, left > kKeys ? b + 1 : b);
    score_block(q, s.heads, rows(s.key_store, b), keys, s.width, values, state);
    weigh(state, s.heads, keys, s.scale);
    value_block(state, s.heads, values, keys, s.width, s.value_width, next, results(dispatch, s, row));
  }

  /// Attention of `rows` rows from row `from` on. A block of keys is read from memory once for all of them.
  static FATHOM_INLINE void attend(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t from, int64_t rows,
                                   void *scratch) {
    auto *state = static_cast<AttendingHead *>(scratch);
    int64_t last = 0;
    for (int64_t t = 0; t < rows; ++t) {
      begin(state + t * s.heads, s.heads, s.value_width, results(dispatch, s, from + t));
      last = greater(last, dispatch->positions[from + t]);
    }
    for (int64_t b = 0; b * kKeys <= last; ++b) {
      for (int64_t t = 0; t < rows; ++t) {
        if (b * kKeys <= dispatch->positions[from + t]) {
          attend_block(dispatch, s, from + t, b, state + t * s.heads);
        }
      }
    }
    for (int64_t t = 0; t < rows; ++t) {
      finish(state + t * s.heads, s.heads, s.value_width, results(dispatch, s, from + t));
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_ATTENDING_H

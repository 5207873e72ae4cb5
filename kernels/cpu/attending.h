// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that read the same keys and values: tiles of scores and of results over blocks of keys.
//
// Which keys a row attends to is a policy: all up to its position, or a selection of them. They are read in blocks of
// 64 in ascending order, the first block being the first 64: of all keys, blocks start at multiples of 64, so a
// selection of everything has the bits of attention without one. A score is added up in sixteen lanes over the width,
// then in a tree; a result is one chain over the keys. Neither depends on which heads and keys share a tile.

#ifndef FATHOM_KERNELS_CPU_ATTENDING_H
#define FATHOM_KERNELS_CPU_ATTENDING_H

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

/// Rows that heads share in a store, and memory for a block of those that are not f32.
struct CachedRows {
  int64_t store;
  RowFormat format;
  float *decoded;
};

/// Which heads of a row attend to what. Operands of a dispatch: q [T, H, width] first, out [T, H, value_width] last.
struct SharedKeys {
  int out; ///< index of the operand
  int64_t H;
  int64_t first; ///< of `heads` heads
  int64_t heads;
  CachedRows keys;
  CachedRows values; ///< as wide as keys, or the same
  int64_t groups;    ///< rows of a position in both stores
  int64_t group;
  int64_t value_width;
  float scale;

  FATHOM_INLINE int64_t width() const { return keys.format.width; }
  FATHOM_INLINE const char *cached(const fathom_dispatch_t *dispatch, int64_t row, int64_t position,
                                   const CachedRows &rows) const {
    return cache_row(dispatch, row, position, rows.store, rows.format, groups, group);
  }
};

/// Fetches some of the rows to come. Doing so at each step of other work keeps memory busy: the processor's own
/// prefetching ends with every block. It is the second level's cache that has room for a block of keys and one of
/// values.
FATHOM_INLINE void fetch(const float *&from, int64_t vectors) {
  for (int64_t i = 0; i < vectors; ++i, from += kLanes) {
    __builtin_prefetch(from, /*write=*/0, /*locality=*/2);
  }
}

/// A row attends to every key up to its position. As every policy it says how many keys there are, gives block b of
/// them in a store as rows of numbers, and fetches such rows ahead of their use.
struct AllKeys {
  using Rows = DenseRows;
  using Columns = DenseRows;

  static FATHOM_INLINE Columns columns(const Rows &rows, int64_t first) { return {rows(0) + first, rows.stride}; }

  struct Ahead {
    const float *next;
    FATHOM_INLINE Ahead(const Rows &rows, int64_t /*width*/) : next(rows(0)) {}
    FATHOM_INLINE void fetch(int64_t vectors) { cpu::fetch(next, vectors); }
  };

  FATHOM_INLINE int64_t count(const fathom_dispatch_t *dispatch, int64_t row) const {
    return dispatch->positions[row] + 1;
  }

  FATHOM_INLINE Rows rows(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, const CachedRows &from,
                          int64_t b, int64_t count) const {
    const char *first = s.cached(dispatch, row, b * kKeys, from);
    return {decode_rows(first, smaller(kKeys, count - b * kKeys), from.format, from.decoded), s.width()};
  }
};

/// A row attends to the positions that a selection i32 [T, k] has for it: ascending, at least one, -1 behind the last.
struct SelectedKeys {
  const int32_t *selection;
  int64_t k;

  /// Past the last key it repeats that one.
  struct Rows {
    const float *row[kKeys];
    FATHOM_INLINE const float *operator()(int64_t j) const { return row[j]; }
  };

  struct Columns {
    const Rows &rows;
    int64_t first;
    FATHOM_INLINE const float *operator()(int64_t j) const { return rows(j) + first; }
  };

  static FATHOM_INLINE Columns columns(const Rows &rows, int64_t first) { return {rows, first}; }

  struct Ahead {
    const Rows &rows;
    int64_t width;
    int64_t j = 0;
    int64_t column = 0;
    FATHOM_INLINE Ahead(const Rows &rows, int64_t width) : rows(rows), width(width) {}
    FATHOM_INLINE void fetch(int64_t vectors) {
      const float *next = rows(j) + column;
      cpu::fetch(next, vectors);
      column += vectors * kLanes;
      if (column >= width) {
        column = 0;
        j = smaller(j + 1, kKeys - 1);
      }
    }
  };

  /// Where the padding begins, by halving.
  FATHOM_INLINE int64_t count(const fathom_dispatch_t * /*dispatch*/, int64_t row) const {
    int64_t begin = 0, end = k;
    while (begin < end) {
      int64_t middle = (begin + end) / 2;
      bool used = selection[row * k + middle] >= 0;
      begin = used ? middle + 1 : begin;
      end = used ? end : middle;
    }
    return begin;
  }

  FATHOM_INLINE Rows rows(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, const CachedRows &from,
                          int64_t b, int64_t count) const {
    Rows rows;
    for (int64_t j = 0; j < kKeys; ++j) {
      int64_t key = smaller(j, count - 1 - b * kKeys);
      const char *cached = s.cached(dispatch, row, selection[row * k + b * kKeys + key], from);
      rows.row[j] = j == key ? decode_rows(cached, 1, from.format, from.decoded + j * s.width()) : rows.row[key];
    }
    return rows;
  }
};

template <class Tile, class Keys>
struct Attending {
  using Rows = typename Keys::Rows;
  using Columns = typename Keys::Columns;
  using Ahead = typename Keys::Ahead;

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
  static FATHOM_INLINE void score_tile(const float *const *q, const float *const *keys, int64_t width, Ahead &ahead,
                                       int64_t vectors, float (*scores)[kHeads]) {
    f32x16 chain[kHeads][kHeads];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { chain[h][j] = 0.0f; }
    }
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      ahead.fetch(vectors);
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

  /// state[h].weights[key] = q[h] · block(key): heads and keys of `width` numbers.
  static FATHOM_INLINE void score_block(const float *q, int64_t heads, const Rows &block, int64_t keys, int64_t width,
                                        Ahead ahead, AttendingHead *state) {
    for (int64_t key0 = 0; key0 < keys; key0 += kHeads) {
      for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
        const float *queries[kHeads], *rows[kHeads];
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
          queries[i] = q + smaller(h0 + i, heads - 1) * width;
          rows[i] = block(smaller(key0 + i, keys - 1));
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

  /// out[h] = out * factor + weights * values, for kHeads heads and Vectors vectors.
  template <int Vectors>
  static FATHOM_INLINE void value_tile(const AttendingHead *const *heads, const Columns &block, int64_t keys,
                                       Ahead &ahead, int64_t vectors, float *const *out) {
    f32x16 chain[kHeads][Vectors];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[h][v] = load(out[h] + v * kLanes) * heads[h]->factor; }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t j = 0; j < keys; ++j) {
      ahead.fetch(vectors);
      f32x16 value[Vectors];
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { value[v] = load(block(j) + v * kLanes); }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        f32x16 weight = heads[h]->weights[j];
        FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[h][v] = fma(weight, value[v], chain[h][v]); }
      }
    }
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { store(out[h] + v * kLanes, chain[h][v]); }
    }
  }

  static FATHOM_INLINE void value_rest(const AttendingHead *const *heads, const Columns &block, int64_t keys,
                                       int64_t count, float *const *out) {
    for (int h = 0; h < kHeads; ++h) {
      // A head that is repeated must not be added twice.
      for (int64_t i = 0; i < count && (h == 0 || heads[h] != heads[h - 1]); ++i) {
        float chain = out[h][i] * heads[h]->factor;
        for (int64_t j = 0; j < keys; ++j) {
          chain = __builtin_elementwise_fma(heads[h]->weights[j], block(j)[i], chain);
        }
        out[h][i] = chain;
      }
    }
  }

  /// out[h] = out[h] * factor + weights · block: values are the first `width` numbers of rows.
  static FATHOM_INLINE void value_block(const AttendingHead *state, int64_t heads, const Rows &block, int64_t keys,
                                        int64_t width, Ahead ahead, float *out) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      const AttendingHead *tile[kHeads];
      float *to[kHeads];
      FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) {
        tile[i] = state + smaller(h0 + i, heads - 1);
        to[i] = out + smaller(h0 + i, heads - 1) * width;
      }
      int64_t column = 0;
      for (; column + kColumns * kLanes <= width; column += kColumns * kLanes) {
        value_tile<kColumns>(tile, Keys::columns(block, column), keys, ahead, vectors_of_step(h0, heads), to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kColumns * kLanes; }
      }
      for (; column + kLanes <= width; column += kLanes) {
        value_tile<1>(tile, Keys::columns(block, column), keys, ahead, 1, to);
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { to[i] += kLanes; }
      }
      value_rest(tile, Keys::columns(block, column), keys, width - column, to);
    }
  }

  static FATHOM_INLINE float *results(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row) {
    return operand<float>(dispatch, s.out) + (row * s.H + s.first) * s.value_width;
  }

  /// Block b of a row's `count` keys.
  static FATHOM_INLINE void attend_block(const fathom_dispatch_t *dispatch, const SharedKeys &s, const Keys &all,
                                         int64_t row, int64_t count, int64_t b, AttendingHead *state) {
    int64_t left = count - b * kKeys, keys = smaller(kKeys, left);
    Rows block = all.rows(dispatch, s, row, s.keys, b, count);
    Rows values = s.values.store == s.keys.store ? block : all.rows(dispatch, s, row, s.values, b, count);
    // What is decoded is not fetched ahead: the next block would take the place of this one.
    bool fetches = s.keys.format.isF32();
    Rows next = fetches ? all.rows(dispatch, s, row, s.keys, left > kKeys ? b + 1 : b, count) : block;
    const float *q = operand<const float>(dispatch, 0) + (row * s.H + s.first) * s.width();
    score_block(q, s.heads, block, keys, s.width(), Ahead(values, s.width()), state);
    weigh(state, s.heads, keys, s.scale);
    value_block(state, s.heads, values, keys, s.value_width, Ahead(next, s.width()), results(dispatch, s, row));
  }

  /// Attention of `rows` rows from row `from` on. A block of keys is read from memory once for all of them.
  static FATHOM_INLINE void attend(const fathom_dispatch_t *dispatch, const SharedKeys &s, const Keys &keys,
                                   int64_t from, int64_t rows, void *scratch) {
    auto *state = static_cast<AttendingHead *>(scratch);
    int64_t most = 0;
    for (int64_t t = 0; t < rows; ++t) {
      begin(state + t * s.heads, s.heads, s.value_width, results(dispatch, s, from + t));
      most = greater(most, keys.count(dispatch, from + t));
    }
    for (int64_t b = 0; b * kKeys < most; ++b) {
      for (int64_t t = 0; t < rows; ++t) {
        int64_t count = keys.count(dispatch, from + t);
        if (b * kKeys < count) {
          attend_block(dispatch, s, keys, from + t, count, b, state + t * s.heads);
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

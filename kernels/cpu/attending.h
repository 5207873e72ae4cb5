// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that read the same keys and values: tiles of scores and of results over blocks of keys.
//
// Which keys a row attends to is a policy: all up to its position, or a selection of them. They are read in blocks of
// 64 in ascending order, the first block being the first 64: of all keys, blocks start at multiples of 64, so a
// selection of everything has the bits of attention without one. A score is added up in sixteen lanes over the width,
// then in a tree; a result is one chain over the keys. Neither depends on which heads and keys share a tile.
//
// Rows that are not f32 are decoded twice, a tile of keys for scores and some columns of a block for results: so little
// stays in the first level's cache, where a whole block of numbers would be written to the second and read again.

#ifndef FATHOM_KERNELS_CPU_ATTENDING_H
#define FATHOM_KERNELS_CPU_ATTENDING_H

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

/// Rows that heads share in a store.
struct CachedRows {
  int64_t store;
  RowFormat format;
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
  float *decoded;  ///< f32 [attended_size] for those that are not f32
  int64_t element; ///< of q and out
  float *numbers;  ///< f32 [heads of an item][width + value_width] if they are not f32

  FATHOM_INLINE int64_t width() const { return keys.format.width; }
  FATHOM_INLINE const char *cached(const fathom_dispatch_t *dispatch, int64_t row, int64_t position,
                                   const CachedRows &rows) const {
    return cache_row(dispatch, row, position, rows.store, rows.format, groups, group);
  }
};

/// Bytes of a row for each vector of its numbers.
FATHOM_INLINE int64_t bytes_of_vector(const RowFormat &format) {
  return ceil_div(format.bytes() * kLanes, format.width);
}

/// Fetches some of the rows to come, as the cache has them. Doing so at each step of other work keeps memory busy: the
/// processor's own prefetching ends with every block. It is the second level's cache that has room for a block of keys
/// and one of values.
FATHOM_INLINE void fetch(const char *from, int64_t vectors, int64_t bytes) {
  for (int64_t i = 0; i < vectors; ++i) {
    __builtin_prefetch(from + i * bytes, /*write=*/0, /*locality=*/2);
  }
}

/// A row attends to every key up to its position. As every policy it says how many keys there are and where block b of
/// them is in a store, which rows find the same there, and fetches rows ahead of their use.
struct AllKeys {
  /// Side by side.
  struct Rows {
    const char *first;
    int64_t bytes;
    FATHOM_INLINE const char *operator()(int64_t j) const { return first + j * bytes; }
  };
  using Columns = RowSource;

  /// Numbers from `first` on, where they are f32.
  static FATHOM_INLINE Columns columns(const Rows &rows, int64_t first) {
    return {reinterpret_cast<const float *>(rows.first) + first, rows.bytes / kFloat};
  }

  struct Ahead {
    const char *next;
    int64_t bytes;
    FATHOM_INLINE Ahead(const Rows &rows, const RowFormat &format) : next(rows.first), bytes(bytes_of_vector(format)) {}
    FATHOM_INLINE void fetch(int64_t vectors) {
      cpu::fetch(next, vectors, bytes);
      next += vectors * bytes;
    }
  };

  FATHOM_INLINE int64_t count(const fathom_dispatch_t *dispatch, int64_t row) const {
    return dispatch->positions[row] + 1;
  }

  FATHOM_INLINE Rows rows(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, const CachedRows &from,
                          int64_t b, int64_t /*count*/) const {
    return {s.cached(dispatch, row, b * kKeys, from), from.format.bytes()};
  }

  /// Whether two rows that have a block b are of one sequence.
  static FATHOM_INLINE bool same(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, int64_t other,
                                 int64_t b) {
    return s.cached(dispatch, row, b * kKeys, s.keys) == s.cached(dispatch, other, b * kKeys, s.keys);
  }
};

/// A row attends to the positions that a selection i32 [T, k] has for it: ascending, at least one, -1 behind the last.
struct SelectedKeys {
  const int32_t *selection;
  int64_t k;

  /// Past the last key it repeats that one.
  struct Rows {
    const char *row[kKeys];
    FATHOM_INLINE const char *operator()(int64_t j) const { return row[j]; }
  };

  struct Columns {
    const Rows &rows;
    int64_t first;
    FATHOM_INLINE const float *operator()(int64_t j) const { return reinterpret_cast<const float *>(rows(j)) + first; }
  };

  static FATHOM_INLINE Columns columns(const Rows &rows, int64_t first) { return {rows, first}; }

  struct Ahead {
    const Rows &rows;
    const RowFormat &format;
    int64_t j = 0;
    int64_t place = 0; ///< in bytes
    FATHOM_INLINE Ahead(const Rows &rows, const RowFormat &format) : rows(rows), format(format) {}
    FATHOM_INLINE void fetch(int64_t vectors) {
      int64_t bytes = bytes_of_vector(format);
      cpu::fetch(rows(j) + place, vectors, bytes);
      place += vectors * bytes;
      if (place >= format.bytes()) {
        place = 0;
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
      rows.row[j] = j == key ? s.cached(dispatch, row, selection[row * k + b * kKeys + key], from) : rows.row[key];
    }
    return rows;
  }

  static FATHOM_INLINE bool same(const fathom_dispatch_t * /*dispatch*/, const SharedKeys & /*s*/, int64_t /*row*/,
                                 int64_t /*other*/, int64_t /*b*/) {
    return false;
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
  static_assert(kHeads <= kScoredKeys && kColumnsOfValues % (kColumns * kLanes) == 0);

  static FATHOM_INLINE Activation result(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row,
                                         int64_t h) {
    return activation(dispatch, s.out, s.element) + (row * s.H + s.first + h) * s.value_width;
  }

  static FATHOM_INLINE void begin(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row, float *numbers,
                                  AttendingHead *state) {
    int64_t first = row * s.H + s.first;
    for (int64_t h = 0; h < s.heads; ++h, numbers += s.width() + s.value_width) {
      Activation query = activation(dispatch, 0, s.element) + (first + h) * s.width();
      state[h].query = read_numbers(query, s.width(), numbers);
      state[h].out = working_memory(result(dispatch, s, row, h), numbers + s.width());
      state[h].state = SoftmaxState{-__builtin_inff(), 0.0f};
      for (int64_t i = 0; i < s.value_width; ++i) {
        state[h].out[i] = 0.0f;
      }
    }
  }

  static FATHOM_INLINE void weigh(AttendingHead *state, int64_t heads, int64_t keys, float scale) {
    for (int64_t h = 0; h < heads; ++h) {
      state[h].factor = softmax_step(state[h].weights, keys, scale, &state[h].state, state[h].weights);
    }
  }

  static FATHOM_INLINE void finish(const fathom_dispatch_t *dispatch, const SharedKeys &s, int64_t row,
                                   const AttendingHead *state) {
    for (int64_t h = 0; h < s.heads; ++h) {
      scale_numbers(state[h].out, s.value_width, 1.0f / state[h].state.total, result(dispatch, s, row, h));
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
    // Not unrolled: the compiler would move what is fetched together, and memory takes few requests at a time.
    _Pragma("clang loop unroll(disable)") for (; i + kLanes <= width; i += kLanes) {
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

  /// The heads of a tile; past the last it repeats that one.
  static FATHOM_INLINE void take_heads(AttendingHead *state, int64_t heads, int64_t h0, AttendingHead **tile) {
    FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { tile[i] = state + smaller(h0 + i, heads - 1); }
  }

  /// The keys of a tile as f32; past the last it repeats that one.
  static FATHOM_INLINE void take_keys(const SharedKeys &s, const Rows &block, int64_t keys, int64_t key0,
                                      const float **tile) {
    for (int i = 0; i < kHeads; ++i) {
      const char *row = block(smaller(key0 + i, keys - 1));
      tile[i] = decode_rows(row, 1, s.keys.format, s.decoded + i * s.width());
    }
  }

  /// state[h].weights[key] = query · block(key).
  static FATHOM_INLINE void score_block(const SharedKeys &s, const Rows &block, int64_t keys, Ahead ahead,
                                        AttendingHead *state, int64_t heads) {
    for (int64_t key0 = 0; key0 < keys; key0 += kHeads) {
      const float *rows[kHeads];
      take_keys(s, block, keys, key0, rows);
      for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
        AttendingHead *tile[kHeads];
        take_heads(state, heads, h0, tile);
        const float *queries[kHeads];
        FATHOM_UNROLL for (int i = 0; i < kHeads; ++i) { queries[i] = tile[i]->query; }
        float scores[kHeads][kHeads];
        score_tile(queries, rows, s.width(), ahead, vectors_of_step(h0, heads), scores);
        FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
          FATHOM_UNROLL for (int j = 0; j < kHeads; ++j) { tile[h]->weights[key0 + j] = scores[h][j]; }
        }
      }
    }
  }

  /// out = out * factor + weights * values, for kHeads heads and Vectors vectors: from number `i` of the values on,
  /// which is `to` of the results.
  template <int Vectors, class Values>
  static FATHOM_INLINE void value_tile(AttendingHead *const *heads, const Values &values, int64_t keys, int64_t i,
                                       int64_t to, Ahead &ahead, int64_t vectors) {
    f32x16 chain[kHeads][Vectors];
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
        chain[h][v] = load(heads[h]->out + to + v * kLanes) * heads[h]->factor;
      }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t j = 0; j < keys; ++j) {
      ahead.fetch(vectors);
      f32x16 value[Vectors];
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { value[v] = load(values(j) + i + v * kLanes); }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        f32x16 weight = heads[h]->weights[j];
        FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[h][v] = fma(weight, value[v], chain[h][v]); }
      }
    }
    FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { store(heads[h]->out + to + v * kLanes, chain[h][v]); }
    }
  }

  template <class Values>
  static FATHOM_INLINE void value_rest(AttendingHead *const *heads, const Values &values, int64_t keys, int64_t i,
                                       int64_t to, int64_t count) {
    for (int h = 0; h < kHeads; ++h) {
      // A head that is repeated must not be added twice.
      for (int64_t n = 0; n < count && (h == 0 || heads[h] != heads[h - 1]); ++n) {
        float chain = heads[h]->out[to + n] * heads[h]->factor;
        for (int64_t j = 0; j < keys; ++j) {
          chain = __builtin_elementwise_fma(heads[h]->weights[j], static_cast<float>(values(j)[i + n]), chain);
        }
        heads[h]->out[to + n] = chain;
      }
    }
  }

  /// out = out * factor + weights · values, for numbers [to, to + width) of the results.
  template <class Values>
  static FATHOM_INLINE void value_columns(AttendingHead *state, int64_t heads, const Values &values, int64_t keys,
                                          int64_t to, int64_t width, Ahead &ahead) {
    for (int64_t h0 = 0; h0 < heads; h0 += kHeads) {
      AttendingHead *tile[kHeads];
      take_heads(state, heads, h0, tile);
      int64_t i = 0, vectors = vectors_of_step(h0, heads);
      for (; i + kColumns * kLanes <= width; i += kColumns * kLanes) {
        value_tile<kColumns>(tile, values, keys, i, to + i, ahead, vectors);
      }
      for (; i + kLanes <= width; i += kLanes) {
        value_tile<1>(tile, values, keys, i, to + i, ahead, smaller(vectors, 1));
      }
      value_rest(tile, values, keys, i, to + i, width - i);
    }
  }

  /// Values are the first numbers of rows.
  static FATHOM_INLINE void value_block(const SharedKeys &s, const Rows &block, int64_t keys, Ahead ahead,
                                        AttendingHead *state, int64_t heads) {
    if (s.values.format.isF32()) {
      return value_columns(state, heads, Keys::columns(block, 0), keys, 0, s.value_width, ahead);
    }
    for (int64_t first = 0; first < s.value_width; first += kColumnsOfValues) {
      int64_t width = smaller(kColumnsOfValues, s.value_width - first);
      for (int64_t j = 0; j < keys; ++j) {
        decode_numbers(block(j), s.values.format, first, width, s.decoded + j * kColumnsOfValues);
      }
      value_columns(state, heads, RowSource{s.decoded, kColumnsOfValues}, keys, first, width, ahead);
    }
  }

  /// Block b of `heads` heads, of rows that have the same keys there: the `keys` of `row`.
  static FATHOM_INLINE void attend_block(const fathom_dispatch_t *dispatch, const SharedKeys &s, const Keys &all,
                                         int64_t row, int64_t b, int64_t keys, AttendingHead *state, int64_t heads) {
    int64_t count = all.count(dispatch, row), after = (b + 1) * kKeys < count ? b + 1 : b;
    Rows block = all.rows(dispatch, s, row, s.keys, b, count);
    Rows values = s.values.store == s.keys.store ? block : all.rows(dispatch, s, row, s.values, b, count);
    Rows next = all.rows(dispatch, s, row, s.keys, after, count);
    score_block(s, block, keys, Ahead(values, s.values.format), state, heads);
    weigh(state, heads, keys, s.scale);
    value_block(s, values, keys, Ahead(next, s.keys.format), state, heads);
  }

  /// Attention of `rows` rows from row `from` on. Rows that have the same keys in a block read it together.
  static FATHOM_INLINE void attend(const fathom_dispatch_t *dispatch, const SharedKeys &s, const Keys &all,
                                   int64_t from, int64_t rows, void *scratch) {
    auto *state = static_cast<AttendingHead *>(scratch);
    int64_t most = 0;
    for (int64_t t = 0; t < rows; ++t) {
      int64_t first = t * s.heads;
      begin(dispatch, s, from + t, s.numbers + first * (s.width() + s.value_width), state + first);
      most = greater(most, all.count(dispatch, from + t));
    }
    for (int64_t b = 0; b * kKeys < most; ++b) {
      auto keys = [&](int64_t t) { return smaller(kKeys, all.count(dispatch, from + t) - b * kKeys); };
      for (int64_t t = 0, end; t < rows; t = end) {
        end = t + 1;
        while (keys(t) > 0 && end < rows && keys(end) == keys(t) && Keys::same(dispatch, s, from + t, from + end, b)) {
          ++end;
        }
        // The heads of one row are a constant, which loops of few heads want.
        if (keys(t) > 0 && end == t + 1) {
          attend_block(dispatch, s, all, from + t, b, keys(t), state + t * s.heads, s.heads);
        } else if (keys(t) > 0) {
          attend_block(dispatch, s, all, from + t, b, keys(t), state + t * s.heads, (end - t) * s.heads);
        }
      }
    }
    for (int64_t t = 0; t < rows; ++t) {
      finish(dispatch, s, from + t, state + t * s.heads);
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_ATTENDING_H

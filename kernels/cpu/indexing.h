// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an index makes of keys: score(u) = sum over h of w[h] * relu(q[h] · k(u)), of which the k largest are sought.
//
// Keys are read once, in blocks of 64, and scores live for a block only. Lanes are keys: q[h] · k(u) is one chain of
// multiply-adds over the numbers of a key, and the score one over the heads, both ascending, so that no score depends
// on the keys and heads beside it. Relu keeps NaN.

#ifndef FATHOM_KERNELS_CPU_INDEXING_H
#define FATHOM_KERNELS_CPU_INDEXING_H

#include "kernels/cpu/attention.h"
#include "kernels/cpu/candidates.h"

namespace fathom::cpu {

/// A row's queries and the weights of its heads: q [heads][d], w [heads].
struct IndexQuery {
  const float *q;
  const float *w;
  int64_t heads;
  int64_t d;
};

/// Where the index finds the keys of a row: positions [begin, end), where begin is a multiple of 64.
struct IndexKeys {
  const fathom_dispatch_t *dispatch;
  int64_t row;
  int64_t store;
  RowFormat format;
  int64_t begin, end;

  FATHOM_INLINE const char *at(int64_t position) const { return cache_row(dispatch, row, position, store, format); }
};

/// Fetches keys to come, `vectors` cache lines at every fourth step of other work: memory is busy all the time, and
/// never so much that the work waits.
struct KeysAhead {
  static constexpr int64_t kSteps = 4;

  const char *next, *end;
  int64_t vectors;

  FATHOM_INLINE void fetch(int64_t step) {
    for (int64_t i = 0; i < vectors && step % kSteps == 0 && next < end; ++i, next += kLanes * kFloat) {
      __builtin_prefetch(next, /*write=*/0, /*locality=*/2);
    }
  }
};

template <class Tile>
struct Indexing {
  /// Heads of a tile: unlike the rows of a product's they divide the heads of released models.
  static constexpr int kHeads = __is_same(Tile, Avx2Tile) ? Tile::kRows : 8;

  /// scores[Vectors * 16 keys] += the share of `Heads` heads from `head` on; keys [d][32].
  template <int Heads, int Vectors>
  static FATHOM_INLINE void score_tile(const IndexQuery &query, int64_t head, const float *keys, KeysAhead &ahead,
                                       float *scores) {
    const float *q = query.q + head * query.d;
    f32x16 chain[Heads][Vectors];
    FATHOM_UNROLL for (int h = 0; h < Heads; ++h) {
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[h][v] = 0.0f; }
    }
    _Pragma("clang loop unroll(disable)") for (int64_t i = 0; i < query.d; ++i) {
      ahead.fetch(i);
      f32x16 key[Vectors];
      FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { key[v] = load(keys + i * kPanel + v * kLanes); }
      FATHOM_UNROLL for (int h = 0; h < Heads; ++h) {
        f32x16 number = q[h * query.d + i];
        FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) { chain[h][v] = fma(number, key[v], chain[h][v]); }
      }
    }
    FATHOM_UNROLL for (int v = 0; v < Vectors; ++v) {
      f32x16 score = load(scores + v * kLanes);
      FATHOM_UNROLL for (int h = 0; h < Heads; ++h) {
        score = fma(f32x16(query.w[head + h]), larger(0.0f, chain[h][v]), score);
      }
      store(scores + v * kLanes, score);
    }
  }

  /// Tiles of `Heads` heads from `head` on, while there are as many; returns the first head that is left.
  template <int Heads, int Vectors>
  static FATHOM_INLINE int64_t score_tiles(const IndexQuery &query, int64_t head, const float *keys, KeysAhead &ahead,
                                           float *scores) {
    for (; head + Heads <= query.heads; head += Heads) {
      for (int64_t column = 0; column < kPanel; column += Vectors * kLanes) {
        score_tile<Heads, Vectors>(query, head, keys + column, ahead, scores + column);
      }
    }
    return head;
  }

  /// Keys [32 * p, 32 * p + 32) of a block of `count` keys, as a panel [d][32]; past the last key it repeats that one.
  static FATHOM_INLINE void load_panel(const float *block, int64_t count, int64_t d, int64_t p, float *panel) {
    RowWeights<F32>(block, nullptr, 0, count, d, d).block(p, 0, d, panel);
  }

  /// scores[count] of a block of keys; `panel` is scratch.
  static FATHOM_INLINE void score_block(const IndexQuery &query, const float *block, int64_t count, KeysAhead ahead,
                                        float *panel, float *scores) {
    for (int64_t p = 0; p * kPanel < count; ++p) {
      float *of_panel = scores + p * kPanel;
      load_panel(block, count, query.d, p, panel);
      for (int64_t i = 0; i < kPanel; ++i) {
        of_panel[i] = 0.0f;
      }
      int64_t head = score_tiles<kHeads, Tile::kVectors>(query, 0, panel, ahead, of_panel);
      head = score_tiles<Tile::kFewRows, Tile::kFewVectors>(query, head, panel, ahead, of_panel);
      score_tiles<1, Tile::kFewVectors>(query, head, panel, ahead, of_panel);
    }
  }

  /// `bytes` of keys from `first` on while a block is scored. In f32 they have 4 * d cache lines; the tiles of kHeads
  /// heads over a block have 4 * d / kVectors steps.
  static FATHOM_INLINE KeysAhead fetch_ahead(const IndexQuery &query, const char *first, int64_t bytes) {
    return {first, first + bytes, ceil_div(KeysAhead::kSteps * Tile::kVectors, ceil_div(query.heads, kHeads))};
  }

  /// Leaves the best of all keys in `best`.
  static FATHOM_INLINE void search(const IndexQuery &query, const IndexKeys &keys, const IndexScratch<float *> &memory,
                                   Candidates &best) {
    for (int64_t position = keys.begin; position < keys.end; position += kKeys) {
      int64_t count = smaller(kKeys, keys.end - position), next = smaller(position + kKeys, keys.end - 1);
      const float *rows = decode_rows(keys.at(position), count, keys.format, memory.block);
      KeysAhead ahead = fetch_ahead(query, keys.at(next), smaller(kKeys, keys.end - next) * keys.format.bytes());
      float scores[kKeys];
      score_block(query, rows, count, ahead, memory.panel, scores);
      best.add_block(scores, position, count);
      if (best.is_crowded()) {
        best.keep();
      }
    }
    best.keep();
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_INDEXING_H

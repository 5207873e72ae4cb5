// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The k best keys of an index: by the scores of indexing.h, or by those of a screen where one is there and can decide.
//
// Let s be the k-th best score of the screen and b its bound. At least k keys have s - b or more, so that what has less
// than s - 2b by the screen is out; and fewer than k have more than s + b, so that what has more than s + 2b by the
// screen is in. Keys between the two are scored anew. Then the best by scores of both kinds are the best keys, because
// fewer than k have more than s + 2b of either kind, and what is in is among them. Nothing is decided where more keys
// are close to s than memory is for, as if all are equal, or where the bound is infinite: then all are scored anew.

#ifndef FATHOM_KERNELS_CPU_INDEX_SEARCH_H
#define FATHOM_KERNELS_CPU_INDEX_SEARCH_H

#include "kernels/cpu/screen.h"

namespace fathom::cpu {

/// How many of `parts` parts a row's context is searched in, for the best k of its keys.
FATHOM_INLINE int64_t used_parts(int64_t visible, int64_t k, int64_t parts) {
  return greater(smaller(visible / (2 * k), parts), 1);
}

template <class Tile>
struct IndexSearch : Indexing<Tile> {
  using Exact = Indexing<Tile>;

  /// Leaves the best of all keys in `best`; returns how far their scores may be off.
  static FATHOM_INLINE float search(const IndexQuery &query, const IndexKeys &keys, const IndexScratch<float *> &memory,
                                    Candidates &best) {
    if constexpr (__is_same(Tile, AmxTile)) {
      float bound = 0.0f; // of a part without keys
      if (screen(query, keys, memory, best, bound)) {
        return decide(query, keys, memory, best, bound);
      }
      best = Candidates(best.data, best.k);
    }
    Exact::search(query, keys, memory, best);
    return 0.0f;
  }

  /// Drops all but the k best of candidates whose scores are off by `bound` at most; returns how far those of the
  /// others may be off.
  static FATHOM_INLINE float decide(const IndexQuery &query, const IndexKeys &keys, const IndexScratch<float *> &memory,
                                    Candidates &best, float bound) {
    if (best.count <= best.k || bound == 0.0f) {
      best.keep();
      return bound;
    }
    // NaN where fewer than k have scores that are numbers: parts of a context without a screen may give such.
    float middle = best.worst_of_best();
    if (middle == middle) {
      best.raise(middle - 2 * bound);
    }
    int64_t open = score_anew(query, keys, memory, best, middle == middle ? middle + 2 * bound : __builtin_inff());
    best.keep();
    // Where many are close to each other, others may have to tell them apart again.
    if (open > best.k / kFewOpen) {
      score_anew(query, keys, memory, best, __builtin_inff());
      return 0.0f;
    }
    return bound;
  }

private:
  static constexpr int64_t kFewOpen = 8;

  /// Leaves those keys in `best` that may be among the best, with scores that are off by `bound` at most; false if
  /// nothing bounds them, or room runs out.
  static FATHOM_INLINE bool screen(const IndexQuery &query, const IndexKeys &keys, const IndexScratch<float *> &memory,
                                   Candidates &best, float &bound) {
    Tiles tiles;
    Screen screen(query, keys.format, memory.screen);
    screen.start(keys_at(keys, keys.begin));
    float least = -__builtin_inff(); // that k keys have
    for (int64_t position = keys.begin; position < keys.end; position += kKeys) {
      float scores[kKeys];
      for (int64_t j = 0; j < kKeys; j += kTileRows) {
        screen.score(keys_at(keys, position + j + kTileRows), scores + j);
      }
      bound = screen.bound();
      if (!(bound < __builtin_inff())) {
        return false;
      }
      best.admit(least - bound);
      best.add_block(scores, position, smaller(kKeys, keys.end - position));
      if (best.is_crowded()) {
        least = best.worst_of_best() - bound;
        best.raise(least - bound);
        if (best.is_crowded()) {
          return false;
        }
      }
    }
    return true;
  }

  /// Keys of a tile, of which there may be none; while they are read, those a block behind them are fetched.
  static FATHOM_INLINE TileKeys keys_at(const IndexKeys &keys, int64_t position) {
    int64_t count = smaller(kTileRows, keys.end - position);
    if (count <= 0) {
      return {nullptr, 0, nullptr};
    }
    return {keys.at(position), count, keys.at(smaller(position + kKeys, keys.end - 1))};
  }

  /// Scores the candidates anew that have `most` or less; returns how many.
  static FATHOM_INLINE int64_t score_anew(const IndexQuery &query, const IndexKeys &keys,
                                          const IndexScratch<float *> &memory, Candidates &best, float most) {
    int64_t chosen[kKeys], count = 0, all = 0;
    for (int64_t i = 0; i < best.count; ++i) {
      chosen[count] = i;
      count += best.data[i].score <= most;
      if (count == kKeys || i + 1 == best.count) {
        score_chosen(query, keys, memory, best, chosen, count);
        all += count;
        count = 0;
      }
    }
    return all;
  }

  static FATHOM_INLINE void score_chosen(const IndexQuery &query, const IndexKeys &keys,
                                         const IndexScratch<float *> &memory, Candidates &best, const int64_t *chosen,
                                         int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
      float *to = memory.block + j * query.d;
      const float *row = decode_rows(keys.at(best.data[chosen[j]].position), 1, keys.format, to);
      for (int64_t n = 0; n < query.d; ++n) {
        to[n] = row[n];
      }
    }
    float scores[kKeys];
    Exact::score_block(query, memory.block, count, {nullptr, nullptr, 0}, memory.panel, scores);
    for (int64_t j = 0; j < count; ++j) {
      best.data[chosen[j]].score = scores[j];
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_INDEX_SEARCH_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an index makes of keys: score(u) = sum over h of w[h] * relu(q[h] · k(u)), of which the k largest are sought.
//
// Keys are read once, in blocks of 64, and scores live for a block only. Four lanes have a key, and a head each in
// turns: q[h] · k(u) is one chain of multiply-adds over the numbers of a key, and the score one over the heads, both
// ascending, so that scores have the bits of kernels/cpu/indexing.h. Relu keeps NaN.

#ifndef FATHOM_KERNELS_NVPTX_INDEX_SEARCH_H
#define FATHOM_KERNELS_NVPTX_INDEX_SEARCH_H

#include "kernels/nvptx/cache_rows.h"
#include "kernels/nvptx/candidates.h"

namespace fathom::nv {

/// How many of `parts` parts a row's context is searched in, for the best k of its keys.
FATHOM_INLINE int64_t used_parts(int64_t visible, int64_t k, int64_t parts) {
  return greater(smaller(visible / (2 * k), parts), 1);
}

/// A row's index: where its queries, the weights of its heads, and its keys are.
struct IndexQuery {
  static constexpr int kHeadsAtOnce = kThreads / kIndexKeys;

  const fathom_dispatch_t *dispatch;
  int64_t row;
  Numbers q;      ///< [heads][d]
  const float *w; ///< [heads]
  int64_t heads, d;
  int64_t store;
  RowFormat format;

  FATHOM_INLINE float *queries() const { return shared<float>(); }
  FATHOM_INLINE float *keys() const { return queries() + heads * shared_stride(d); }
  FATHOM_INLINE char *candidates() const { return reinterpret_cast<char *>(keys() + kIndexKeys * shared_stride(d)); }

  FATHOM_INLINE void load_queries() const {
    for (int64_t i = thread(); i < heads * shared_stride(d); i += kThreads) {
      int64_t at = i % shared_stride(d);
      queries()[i] = at < d ? q[i / shared_stride(d) * d + at] : 0.0f;
    }
  }

  FATHOM_INLINE void load_keys(int64_t first, int64_t count) const {
    int64_t chunks = ceil_div(d, kChunk);
    for (int64_t i = thread(); i < kIndexKeys * chunks; i += kThreads) {
      int64_t j = i / chunks, at = i % chunks * kChunk;
      Chunk numbers = {};
      if (j < count) {
        CachedRow{cache_row(dispatch, row, first + j, store, format), format}.load(at, numbers);
      }
      store_whole(Numbers(keys() + j * shared_stride(d) + at, FATHOM_ROW_F32), numbers);
    }
  }

  FATHOM_INLINE float product(int64_t head, int64_t key) const {
    const float *a = queries() + head * shared_stride(d), *b = keys() + key * shared_stride(d);
    float chain = 0.0f;
    for (int64_t i = 0; i < d; ++i) {
      chain = __builtin_fmaf(a[i], b[i], chain);
    }
    return chain;
  }

  /// The score of key thread() / kHeadsAtOnce.
  FATHOM_INLINE float score() const {
    int64_t key = thread() / kHeadsAtOnce;
    float score = 0.0f;
    for (int64_t first = 0; first < heads; first += kHeadsAtOnce) {
      int64_t head = first + thread() % kHeadsAtOnce;
      float own = head < heads ? product(head, key) : 0.0f;
      FATHOM_UNROLL for (int i = 0; i < kHeadsAtOnce; ++i) {
        int from = lane() / kHeadsAtOnce * kHeadsAtOnce + i;
        float number = __builtin_bit_cast(float, shuffle(__builtin_bit_cast(int32_t, own), from));
        if (first + i < heads) {
          score = __builtin_fmaf(w[first + i], 0.0f > number ? 0.0f : number, score);
        }
      }
    }
    return score;
  }

  /// Adds the keys [begin, end) to `best`; begin is a multiple of kIndexKeys.
  FATHOM_INLINE void search(int64_t begin, int64_t end, Candidates &best) const {
    load_queries();
    for (int64_t first = begin; first < end; first += kIndexKeys) {
      int64_t count = smaller(kIndexKeys, end - first);
      load_keys(first, count); // where `add` let all threads meet that read the last ones
      barrier();
      int64_t key = thread() / kHeadsAtOnce;
      best.add(thread() % kHeadsAtOnce == 0 && key < count, score(), first + key);
    }
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_INDEX_SEARCH_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The best of many scored positions, exactly: ties go to the lowest position, and NaN loses to every number.
//
// Candidates arrive in ascending order of position and stay so. When there are twice as many as wanted, the k-th best
// score is found by the bits of the scores, two at a time, and what is worse is dropped; from then on only better
// scores come in. What is left in the end does not depend on when that happens.

#ifndef FATHOM_KERNELS_CPU_CANDIDATES_H
#define FATHOM_KERNELS_CPU_CANDIDATES_H

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

using i32x8 = int32_t __attribute__((ext_vector_type(8)));
using u64x8 = uint64_t __attribute__((ext_vector_type(8)));

/// Numbers that are ordered as the scores are: 0 for NaN, equal ones for 0 and -0.
FATHOM_INLINE u32x16 ranks(f32x16 scores) {
  i32x16 bits = __builtin_bit_cast(i32x16, scores + 0.0f); // -0 + 0 is 0
  u32x16 ranks = __builtin_bit_cast(u32x16, bits ^ (bits >> 31 | static_cast<int32_t>(0x80000000)));
  return scores == scores ? ranks : u32x16(0);
}

FATHOM_INLINE uint32_t rank(float score) { return ranks(f32x16(score))[0]; }

/// The number of a rank; NaN of that of NaN.
FATHOM_INLINE float score_of(uint32_t rank) {
  return __builtin_bit_cast(float, rank & 0x80000000 ? rank ^ 0x80000000 : ~rank);
}

struct Candidates {
  Candidate *data; ///< of k kept, as many again, and kKeys; room for whole vectors
  int64_t k;
  int64_t count = 0;
  bool full = false;      ///< k are there that only better ones replace
  uint32_t threshold = 0; ///< then: rank of the worst of them

  FATHOM_INLINE Candidates(Candidate *data, int64_t k) : data(data), k(k) {}

  FATHOM_INLINE void add(float score, int64_t position) { data[count++] = {score, static_cast<int32_t>(position)}; }

  /// Adds `keys` <= kKeys scored positions from `first` on.
  FATHOM_INLINE void add_block(const float *scores, int64_t first, int64_t keys) {
    for (int64_t j = 0; j < keys; j += kLanes) {
      f32x16 some = load(scores + j);
      i32x16 wanted = lanes() < static_cast<int32_t>(smaller(kLanes, keys - j));
      if (full) {
        wanted &= ranks(some) > threshold;
      }
      auto positions = __builtin_bit_cast(f32x16, lanes() + static_cast<int32_t>(first + j));
      add_some(__builtin_shufflevector(some, positions, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
               wanted.lo);
      add_some(__builtin_shufflevector(some, positions, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
               wanted.hi);
    }
  }

  /// Whether some have to go before the next block.
  FATHOM_INLINE bool is_crowded() const { return count > 2 * k; }

  /// Drops all but the k best.
  FATHOM_INLINE void keep() {
    if (count <= k) {
      return;
    }
    threshold = find_threshold();
    full = true;
    int64_t ties = k - count_above(threshold), kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      uint32_t own = rank(data[i].score);
      bool tied = own == threshold && ties > 0;
      ties -= tied;
      data[kept] = data[i];
      kept += own > threshold || tied;
    }
    count = kept;
  }

  /// The k-th best score of more than k.
  FATHOM_INLINE float worst_of_best() const { return score_of(find_threshold()); }

  /// Drops scores below `limit`, those to come as well.
  FATHOM_INLINE void raise(float limit) {
    admit(limit);
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      data[kept] = data[i];
      kept += data[i].score >= limit;
    }
    count = kept;
  }

  /// Lets no score below `limit` in.
  FATHOM_INLINE void admit(float limit) {
    threshold = rank(limit) - 1;
    full = true;
  }

  /// The k positions that are left after `keep`, -1 behind the last.
  FATHOM_INLINE void store_positions(int32_t *to) const {
    for (int64_t j = 0; j < k; ++j) {
      to[j] = j < count ? data[j].position : -1;
    }
  }

  FATHOM_INLINE void store_scores(float *to) const {
    for (int64_t j = 0; j < k; ++j) {
      to[j] = j < count ? data[j].score : 0.0f;
    }
  }

private:
  static FATHOM_INLINE i32x16 lanes() { return {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

  /// Adds those of eight candidates that are wanted, in few instructions: what an index multiplies meanwhile waits for
  /// them, and they for it, if they fill the processor's window.
  FATHOM_INLINE void add_some(f32x16 candidates, i32x8 wanted) {
    using Mask = bool __attribute__((ext_vector_type(8)));
    auto mask = __builtin_convertvector(wanted, Mask);
    __builtin_masked_compress_store(mask, __builtin_bit_cast(u64x8, candidates),
                                    reinterpret_cast<uint64_t *>(data + count));
    count += __builtin_popcount(__builtin_bit_cast(uint8_t, mask));
  }

  /// The rank of the k-th best of more than k.
  FATHOM_INLINE uint32_t find_threshold() const {
    uint32_t found = 0;
    for (int shift = 30; shift >= 0; shift -= 2) {
      int64_t counts[3];
      count_from<3>(found + (1u << shift), 1u << shift, counts);
      FATHOM_UNROLL for (int i = 0; i < 3; ++i) { found += counts[i] >= k ? 1u << shift : 0; }
    }
    return found;
  }

  FATHOM_INLINE int64_t count_above(uint32_t rank) const {
    int64_t above;
    count_from<1>(rank + 1, 0, &above);
    return above;
  }

  /// counts[i]: how many have a rank of first + i * step or more; first > 0.
  template <int Counts>
  FATHOM_INLINE void count_from(uint32_t first, uint32_t step, int64_t *counts) const {
    i32x16 sums[Counts];
    FATHOM_UNROLL for (int i = 0; i < Counts; ++i) { sums[i] = 0; }
    for (int64_t j = 0; j < count; j += kLanes) {
      u32x16 own = ranks_from(j);
      FATHOM_UNROLL for (int i = 0; i < Counts; ++i) { sums[i] -= own >= first + static_cast<uint32_t>(i) * step; }
    }
    FATHOM_UNROLL for (int i = 0; i < Counts; ++i) { counts[i] = __builtin_reduce_add(sums[i]); }
  }

  /// Ranks of candidates [j, j + 16); 0 past the last.
  FATHOM_INLINE u32x16 ranks_from(int64_t j) const {
    auto *from = reinterpret_cast<const float *>(data + j);
    f32x16 scores = __builtin_shufflevector(load(from), load(from + kLanes), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22,
                                            24, 26, 28, 30);
    i32x16 rest = static_cast<int32_t>(smaller(count - j, kLanes));
    return lanes() < rest ? ranks(scores) : u32x16(0);
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_CANDIDATES_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The best of many scored positions, exactly: ties go to the lowest position, and NaN loses to every number.
//
// Candidates arrive in ascending order of position and stay so. When there are twice as many as wanted, the k-th best
// score is found by the bits of the scores, and what is worse is dropped; from then on only better scores come in. What
// is left in the end does not depend on when that happens. All threads of a block have the same count and threshold.

#ifndef FATHOM_KERNELS_NVPTX_CANDIDATES_H
#define FATHOM_KERNELS_NVPTX_CANDIDATES_H

#include "kernels/nvptx/counting.h"

namespace fathom::nv {

/// A number that is ordered as scores are: 0 for NaN, equal ones for 0 and -0.
FATHOM_INLINE uint32_t rank(float score) {
  auto bits = __builtin_bit_cast(int32_t, score + 0.0f); // -0 + 0 is 0
  uint32_t rank = static_cast<uint32_t>(bits) ^ (static_cast<uint32_t>(bits >> 31) | 0x80000000);
  return score == score ? rank : 0;
}

struct Candidates {
  float *scores; ///< of 2k kept and kIndexKeys more
  int32_t *positions;
  BlockSums sums;
  int64_t k;
  int64_t count = 0;
  bool full = false;      ///< k are there that only better ones replace
  uint32_t threshold = 0; ///< then: rank of the worst of them

  /// In memory of candidate_bytes(k), where others may still read what `keep` left.
  FATHOM_INLINE Candidates(char *memory, int64_t k)
      : scores(reinterpret_cast<float *>(memory)), positions(reinterpret_cast<int32_t *>(scores + 2 * k + kIndexKeys)),
        sums{positions + 2 * k + kIndexKeys}, k(k) {}

  /// Adds those of threads that have one, at most kIndexKeys, by position in the order of threads.
  FATHOM_INLINE void add(bool there, float score, int64_t position) {
    add_all(there && (!full || rank(score) > threshold), score, position);
    if (count > 2 * k) {
      drop();
    }
  }

  /// The same where there are no more than k.
  FATHOM_INLINE void add_all(bool there, float score, int64_t position) {
    Counts found = sums.count_threads(there);
    if (there) {
      scores[count + found.before] = score;
      positions[count + found.before] = static_cast<int32_t>(position);
    }
    count += found.total;
  }

  /// Leaves the k best, for all threads to read.
  FATHOM_INLINE void keep() {
    if (count > k) {
      drop();
    }
    barrier();
  }

  /// The k positions that are left after `keep`, -1 behind the last.
  FATHOM_INLINE void store_positions(int32_t *to) const {
    for (int64_t j = thread(); j < k; j += kThreads) {
      to[j] = j < count ? positions[j] : -1;
    }
  }

  FATHOM_INLINE void store_scores(float *to) const {
    for (int64_t j = thread(); j < k; j += kThreads) {
      to[j] = j < count ? scores[j] : 0.0f;
    }
  }

private:
  /// All but the k best of more.
  FATHOM_INLINE void drop() {
    barrier();
    threshold = find_threshold();
    full = true;
    int64_t ties = k - count_from(static_cast<uint64_t>(threshold) + 1), kept = 0;
    for (int64_t first = 0; first < count; first += kThreads) {
      int64_t i = first + thread();
      bool there = i < count;
      float score = there ? scores[i] : 0.0f;
      int32_t position = there ? positions[i] : 0;
      Counts equal = sums.count_threads(there && rank(score) == threshold);
      bool stays = there && (rank(score) > threshold || (rank(score) == threshold && equal.before < ties));
      Counts staying = sums.count_threads(stays);
      if (stays) {
        scores[kept + staying.before] = score;
        positions[kept + staying.before] = position;
      }
      ties -= equal.total;
      kept += staying.total;
    }
    count = k;
  }

  /// The rank of the k-th best of more than k, bit by bit.
  FATHOM_INLINE uint32_t find_threshold() {
    uint32_t found = 0;
    for (uint32_t bit = 0x80000000; bit != 0; bit >>= 1) {
      found |= count_from(found | bit) >= k ? bit : 0;
    }
    return found;
  }

  /// How many have that rank or more.
  FATHOM_INLINE int64_t count_from(uint64_t least) {
    int32_t own = 0;
    for (int64_t i = thread(); i < count; i += kThreads) {
      own += rank(scores[i]) >= least;
    }
    return sums.sum(own);
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_CANDIDATES_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The best of many scored positions, exactly: ties go to the lowest position, and NaN loses to every number.
//
// Candidates arrive in ascending order of position and stay so. When there are twice as many as wanted, the k-th best
// score is found by the bits of the scores, a byte at a time, and what is worse is dropped; from then on only better
// scores come in. What is left in the end does not depend on when that happens.

#ifndef FATHOM_KERNELS_CPU_CANDIDATES_H
#define FATHOM_KERNELS_CPU_CANDIDATES_H

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

/// Numbers that are ordered as the scores are: 0 for NaN, equal ones for 0 and -0.
FATHOM_INLINE u32x16 ranks(f32x16 scores) {
  i32x16 bits = __builtin_bit_cast(i32x16, scores + 0.0f); // -0 + 0 is 0
  u32x16 ranks = __builtin_bit_cast(u32x16, bits ^ (bits >> 31 | static_cast<int32_t>(0x80000000)));
  return scores == scores ? ranks : u32x16(0);
}

FATHOM_INLINE uint32_t rank(float score) { return ranks(f32x16(score))[0]; }

struct Candidates {
  Candidate *data; ///< of k kept, as many again, and kKeys
  int64_t k;
  int64_t count = 0;
  bool full = false;      ///< k are there that only better ones replace
  uint32_t threshold = 0; ///< then: rank of the worst of them

  FATHOM_INLINE Candidates(Candidate *data, int64_t k) : data(data), k(k) {}

  FATHOM_INLINE void add(float score, int64_t position) { data[count++] = {score, static_cast<int32_t>(position)}; }

  /// Adds `keys` <= kKeys scored positions from `first` on.
  FATHOM_INLINE void add_block(const float *scores, int64_t first, int64_t keys) {
    for (int64_t j = 0; j < keys; j += kLanes) {
      u32x16 rank = ranks(load(scores + j));
      i32x16 better = full ? rank > threshold : i32x16(-1);
      if (__builtin_reduce_or(better) == 0) {
        continue;
      }
      for (int64_t i = 0; i < smaller(kLanes, keys - j); ++i) {
        data[count] = {scores[j + i], static_cast<int32_t>(first + j + i)};
        count -= better[i];
      }
    }
    if (count > 2 * k) {
      keep();
    }
  }

  /// Drops all but the k best.
  FATHOM_INLINE void keep() {
    if (count <= k) {
      return;
    }
    int64_t ties = find_threshold(), kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      uint32_t own = rank(data[i].score);
      bool tied = own == threshold && ties > 0;
      ties -= tied;
      data[kept] = data[i];
      kept += own > threshold || tied;
    }
    count = kept;
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
  /// Sets `threshold` to the rank of the k-th best; returns how many of that rank are among the k.
  FATHOM_INLINE int64_t find_threshold() {
    int64_t left = k;
    uint64_t prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
      int32_t counts[256];
      count_bytes(prefix, shift, counts);
      int byte = 255;
      for (; counts[byte] < left; --byte) {
        left -= counts[byte];
      }
      prefix = prefix << 8 | static_cast<uint64_t>(byte);
    }
    threshold = static_cast<uint32_t>(prefix);
    return left;
  }

  /// Of the ranks that begin with `prefix`, how many have which byte at `shift`.
  FATHOM_INLINE void count_bytes(uint64_t prefix, int shift, int32_t *counts) const {
    for (int i = 0; i < 256; ++i) {
      counts[i] = 0;
    }
    for (int64_t i = 0; i < count; ++i) {
      uint64_t own = rank(data[i].score);
      counts[own >> shift & 255] += own >> shift >> 8 == prefix;
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_CANDIDATES_H

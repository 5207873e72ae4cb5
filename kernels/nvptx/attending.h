// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that attend to the same keys, in f32: of a row, or of rows of which each sees as many of the keys as it has.
//
// A block takes kHeads heads. It goes through the keys in ascending order, kStepKeys at a time: what the cache
// has of them is decoded to shared memory once for all heads; a thread has the score of a head and a key, sixteen lanes
// a step of a head's softmax, and then each thread some columns of the results. A score is added up in four chains over
// the width, i % 4, then (0 + 1) + (2 + 3); a result is one chain over the keys of a part, and parts are added in
// order (PartSums). Steps and parts begin at multiples of kStepKeys of the row's keys, and depend on nothing but how
// many these are: a selection of everything has the bits of attention without.
//
// Which keys there are is a policy: count(), key(j) and value(j), where a row of the cache is, and seen_by(head, end),
// how many of the first `end` a head sees, some of each part. Values are at most kMostColumns wide.

#ifndef FATHOM_KERNELS_NVPTX_ATTENDING_H
#define FATHOM_KERNELS_NVPTX_ATTENDING_H

#include "kernels/nvptx/cache_rows.h"

namespace fathom::nv {

/// The softmax of a head over the parts of its keys that were added so far: weights are relative to `largest`, and add
/// up to `total`.
struct PartSums {
  float largest = -__builtin_inff(), total = 0.0f;

  struct Factors {
    float before, part; ///< for the results of parts before, and of this one
  };
  FATHOM_INLINE Factors add(const PartSums &part) {
    float next = part.largest > largest ? part.largest : largest;
    Factors factors = {exponential(largest - next), exponential(part.largest - next)};
    total = add(total, part.total, factors);
    largest = next;
    return factors;
  }
  /// What `add` does to a result.
  static FATHOM_INLINE float add(float before, float part, const Factors &factors) {
    return __builtin_fmaf(part, factors.part, before * factors.before);
  }
};

/// What is in the shared memory of a block: rows are for heads or keys.
struct AttendingMemory {
  float *queries;
  float *keys;
  float *values;
  float (*weights)[kStepKeys]; ///< of each head
  float *factors;              ///< of each head: for what came before a step; then for the results
  float *part_factors;         ///< the same for a part's results, where parts are added

  FATHOM_INLINE AttendingMemory(int64_t width, int64_t value_width) {
    queries = shared<float>();
    keys = queries + kHeads * shared_stride(width);
    values = keys + kStepKeys * shared_stride(width);
    float *rest = values + kStepKeys * shared_stride(value_width);
    weights = reinterpret_cast<float (*)[kStepKeys]>(rest);
    factors = rest + kHeads * kStepKeys;
    part_factors = factors + kHeads;
  }
};

struct AttendingShape {
  int64_t heads; ///< at most kHeads, or of each set of matrices
  int64_t width;
  int64_t value_width;
  bool shared; ///< values are the first numbers of keys
  float scale;
};

template <class Keys>
struct Attending {
  static constexpr int kColumns = 2, kColumnsOfBlock = kThreads * kColumns;
  static constexpr int kPasses = kMostColumns / kColumnsOfBlock;
  static_assert(kHeads * kStepKeys == kThreads);

  const AttendingShape &s;
  const Keys &all;
  AttendingMemory memory;
  struct Part {
    /// Of this thread's columns; where there are few columns, threads share the heads.
    float results[kPasses][kHeads][kColumns] = {};
    PartSums sums; ///< of this thread's head
  };
  Part part, before; ///< `before`: those that were added up

  FATHOM_INLINE Attending(const AttendingShape &s, const Keys &all)
      : s(s), all(all), memory(s.width, s.shared ? 0 : s.value_width) {}

  /// Threads side by side for the columns, and heads of a thread.
  FATHOM_INLINE int64_t columns_across() const {
    int64_t needed = ceil_div(s.value_width, kColumns);
    return needed <= kThreads / 4 ? kThreads / 4 : needed <= kThreads / 2 ? kThreads / 2 : kThreads;
  }
  FATHOM_INLINE int64_t own_heads() const { return kHeads * columns_across() / kThreads; }
  FATHOM_INLINE int64_t first_head() const { return thread() / columns_across() * own_heads(); }
  FATHOM_INLINE int64_t column(int pass) const {
    return thread() % columns_across() * kColumns + pass * kColumnsOfBlock;
  }
  FATHOM_INLINE const float *values() const { return s.shared ? memory.keys : memory.values; }
  FATHOM_INLINE int64_t value_stride() const { return shared_stride(s.shared ? s.width : s.value_width); }

  /// Rows of a step, and zeros behind the last key: what they hold must not meet a weight of 0.
  template <class RowOf>
  static FATHOM_INLINE void fill(float *to, int64_t width, int64_t keys, const RowOf &row_of) {
    int64_t chunks = ceil_div(width, kChunk);
    for (int64_t i = thread(); i < kStepKeys * chunks; i += kThreads) {
      int64_t j = i / chunks, at = i % chunks * kChunk;
      Chunk numbers = {};
      if (j < keys) {
        row_of(j).load(at, numbers);
      }
      store_whole(Numbers(to + j * shared_stride(width) + at, FATHOM_ROW_F32), numbers);
    }
  }

  /// The score of head thread() / kStepKeys and key thread() % kStepKeys.
  FATHOM_INLINE float score() const {
    const float *query = memory.queries + thread() / kStepKeys * shared_stride(s.width);
    const float *key = memory.keys + thread() % kStepKeys * shared_stride(s.width);
    f32x4 chain = 0.0f;
    for (int64_t i = 0; i < s.width; i += 4) {
      f32x4 a = *reinterpret_cast<const f32x4 *>(query + i), b = *reinterpret_cast<const f32x4 *>(key + i);
      FATHOM_UNROLL for (int n = 0; n < 4; ++n) { chain[n] = __builtin_fmaf(a[n], b[n], chain[n]); }
    }
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
  }

  /// A step of the softmax of this thread's head, to the keys [first, end).
  FATHOM_INLINE void weigh(int64_t first, int64_t end) {
    int64_t head = thread() / kStepKeys, key = thread() % kStepKeys;
    float value = first + key < all.seen_by(head, end) ? score() * s.scale : -__builtin_inff();
    float block = largest_of_lanes<kStepKeys>(value);
    float next = block > part.sums.largest ? block : part.sums.largest;
    float factor = exponential(part.sums.largest - next), weight = exponential(value - next);
    part.sums = {next, part.sums.total * factor + sum_of_lanes<kStepKeys>(weight)};
    memory.weights[head][key] = weight;
    if (key == 0) {
      memory.factors[head] = factor;
    }
  }

  FATHOM_INLINE void add_values() {
    FATHOM_UNROLL for (int pass = 0; pass < kPasses; ++pass) {
      if (pass * kColumnsOfBlock >= s.value_width || column(pass) >= s.value_width) {
        continue;
      }
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        FATHOM_UNROLL for (int n = 0; n < kColumns && h < own_heads(); ++n) {
          part.results[pass][h][n] = part.results[pass][h][n] * memory.factors[first_head() + h];
        }
      }
      for (int j = 0; j < kStepKeys; ++j) {
        const float *value = values() + j * value_stride() + column(pass);
        float first = value[0], second = value[1];
        FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
          if (h < own_heads()) {
            float weight = memory.weights[first_head() + h][j];
            part.results[pass][h][0] = __builtin_fmaf(weight, first, part.results[pass][h][0]);
            part.results[pass][h][1] = __builtin_fmaf(weight, second, part.results[pass][h][1]);
          }
        }
      }
    }
  }

  /// Adds the part to those before it, and begins another.
  FATHOM_INLINE void add_part() {
    barrier(); // others may still read factors
    PartSums::Factors own = before.sums.add(part.sums);
    if (thread() % kStepKeys == 0) {
      memory.factors[thread() / kStepKeys] = own.before;
      memory.part_factors[thread() / kStepKeys] = own.part;
    }
    barrier();
    FATHOM_UNROLL for (int pass = 0; pass < kPasses; ++pass) {
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        FATHOM_UNROLL for (int n = 0; n < kColumns; ++n) {
          if (pass * kColumnsOfBlock < s.value_width && h < own_heads()) {
            PartSums::Factors factors = {memory.factors[first_head() + h], memory.part_factors[first_head() + h]};
            before.results[pass][h][n] = PartSums::add(before.results[pass][h][n], part.results[pass][h][n], factors);
          }
        }
      }
    }
    part = Part();
  }

  /// use(head, sums of the part), by a thread of each head.
  template <class Use>
  FATHOM_INLINE void finish_sums(const Use &use) const {
    if (thread() % kStepKeys == 0 && thread() / kStepKeys < s.heads) {
      use(thread() / kStepKeys, part.sums);
    }
  }

  /// use(head, column, result), whole or not yet divided by the total.
  template <bool Whole = true, class Use>
  FATHOM_INLINE void finish(const Use &use) {
    if constexpr (Whole) {
      barrier(); // others may still read factors
      if (thread() % kStepKeys == 0) {
        memory.factors[thread() / kStepKeys] = 1.0f / part.sums.total;
      }
      barrier();
    }
    FATHOM_UNROLL for (int pass = 0; pass < kPasses; ++pass) {
      FATHOM_UNROLL for (int h = 0; h < kHeads; ++h) {
        FATHOM_UNROLL for (int n = 0; n < kColumns; ++n) {
          int64_t head = first_head() + h;
          if (pass * kColumnsOfBlock < s.value_width && h < own_heads() && head < s.heads &&
              column(pass) + n < s.value_width) {
            use(head, column(pass) + n,
                Whole ? part.results[pass][h][n] * memory.factors[head] : part.results[pass][h][n]);
          }
        }
      }
    }
  }

  /// query(head, i) gives the queries; they may be in shared memory already, where `memory` has them.
  template <class Query>
  FATHOM_INLINE void load_queries(const Query &query) {
    int64_t padded = ceil_div(s.width, kChunk) * kChunk;
    for (int64_t i = thread(); i < kHeads * padded; i += kThreads) {
      int64_t head = i / padded, at = i % padded;
      bool there = head < s.heads && at < s.width;
      memory.queries[head * shared_stride(s.width) + at] = there ? query(head, at) : 0.0f;
    }
  }

  /// To the keys [begin, end).
  FATHOM_INLINE void attend(int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kStepKeys) {
      int64_t keys = smaller(kStepKeys, end - first);
      barrier();
      fill(memory.keys, s.width, keys, [&](int64_t j) FATHOM_INLINED { return all.key(first + j); });
      if (!s.shared) {
        fill(memory.values, s.value_width, keys, [&](int64_t j) FATHOM_INLINED { return all.value(first + j); });
      }
      barrier();
      weigh(first, end);
      barrier();
      add_values();
    }
  }
};

/// Attends to all keys, in `most` parts at most, with a form of attending.
template <class Heads>
FATHOM_INLINE void attend_in_parts(Heads &heads, int64_t most) {
  int64_t count = heads.all.count(), size = part_keys(count, most);
  for (int64_t begin = 0; begin < count; begin += size) {
    heads.attend(begin, smaller(begin + size, count));
    heads.add_part();
  }
  heads.part = heads.before;
}

/// A row attends to every key up to its position.
struct AllKeys {
  const fathom_dispatch_t *dispatch;
  int64_t row;
  int64_t key_store;
  RowFormat key_format;
  int64_t value_store;
  RowFormat value_format;
  int64_t groups = 1, group = 0; ///< rows of a position in both stores

  FATHOM_INLINE int64_t count() const { return dispatch->positions[row] + 1; }
  static FATHOM_INLINE int64_t seen_by(int64_t /*head*/, int64_t end) { return end; }
  FATHOM_INLINE CachedRow key(int64_t j) const {
    return {cache_row(dispatch, row, j, key_store, key_format, groups, group), key_format};
  }
  FATHOM_INLINE CachedRow value(int64_t j) const {
    return {cache_row(dispatch, row, j, value_store, value_format, groups, group), value_format};
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_ATTENDING_H

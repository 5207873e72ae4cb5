// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads that attend to the same keys, where activations are bf16 and the cache is not f32: attending.h by the
// instruction that multiplies matrices.
//
// A block takes sets of kHeads heads through kMatrixKeys keys at a time, which shared memory holds as bf16, without
// loss. A warp has the scores of eight keys: sums over the width, sixteen numbers an instruction. Sixteen lanes have a
// head's step of the softmax, in f32; weights are rounded to bf16, and what they add up to is the sum of these. A warp
// then has an eighth of the columns of the results. Steps and parts begin at multiples of kMatrixKeys of a row's keys.
// How many sets there are changes no bits.

#ifndef FATHOM_KERNELS_NVPTX_MATRIX_ATTENDING_H
#define FATHOM_KERNELS_NVPTX_MATRIX_ATTENDING_H

#include "kernels/nvptx/attending.h"

namespace fathom::nv {

template <class Keys, int Sets>
struct MatrixAttending {
  static constexpr int kLanes = kThreads / kHeads; ///< of a head
  static constexpr int kOwnKeys = kMatrixKeys / kLanes;
  static constexpr int kMostTiles = most_matrix_values(Sets) / kWarps / 8; ///< of eight columns, of a warp
  static constexpr int kScoreStride = kMatrixKeys + 4;
  static_assert(kMatrixKeys == 8 * kWarps);

  const AttendingShape &s;
  const Keys &all;
  char *queries, *keys, *values, *weights;
  float *scores, *factors, *part_factors;
  struct Part {
    float results[Sets][kMostTiles][4] = {};
    PartSums sums[Sets]; ///< of a head of each set
  };
  Part part, before; ///< `before`: those that were added up

  FATHOM_INLINE MatrixAttending(const AttendingShape &s, const Keys &all) : s(s), all(all) {
    queries = shared<char>();
    keys = queries + Sets * kHeads * matrix_stride(s.width);
    values = s.shared ? keys : keys + kMatrixKeys * matrix_stride(s.width);
    weights = values + kMatrixKeys * value_stride();
    scores = reinterpret_cast<float *>(weights + Sets * kHeads * matrix_stride(kMatrixKeys));
    factors = scores + Sets * kHeads * kScoreStride;
    part_factors = factors + Sets * kHeads;
  }

  /// use(set) for those that there are heads of.
  template <class Use>
  FATHOM_INLINE void for_each_set(const Use &use) const {
    FATHOM_UNROLL for (int set = 0; set < Sets; ++set) {
      if (set == 0 || set * kHeads < s.heads) {
        use(set);
      }
    }
  }
  /// use(set, tile, n, head) for each of this thread's results.
  template <class Use>
  FATHOM_INLINE void for_each_result(const Use &use) const {
    for_each_set([&](int set) FATHOM_INLINED {
      FATHOM_UNROLL for (int tile = 0; tile < kMostTiles; ++tile) {
        FATHOM_UNROLL for (int n = 0; n < 4; ++n) { use(set, tile, n, set * kHeads + lane() / 4 + n / 2 * 8); }
      }
    });
  }
  /// That of a set whose softmax this thread has a part of.
  static FATHOM_INLINE int64_t own_head(int set) { return set * kHeads + thread() / kLanes; }
  static FATHOM_INLINE bool is_first_of_head() { return thread() % kLanes == 0; }

  FATHOM_INLINE int64_t value_stride() const { return matrix_stride(s.shared ? s.width : s.value_width); }
  FATHOM_INLINE int64_t columns_of_warp() const { return s.value_width / kWarps; }

  /// query(head, i) gives the queries.
  template <class Query>
  FATHOM_INLINE void load_queries(const Query &query) {
    for (int64_t i = thread(); i < Sets * kHeads * s.width / 2; i += kThreads) {
      int64_t head = i / (s.width / 2), at = i % (s.width / 2) * 2;
      bool there = head < s.heads;
      *reinterpret_cast<uint32_t *>(queries + head * matrix_stride(s.width) + 2 * at) =
          pack_bf16(there ? query(head, at) : 0.0f, there ? query(head, at + 1) : 0.0f);
    }
  }

  /// Rows of a step, and zeros behind the last key: what they hold must not meet a weight of 0.
  template <class RowOf>
  static FATHOM_INLINE void fill(char *to, int64_t width, int64_t count, const RowOf &row_of) {
    int64_t chunks = width / kChunk;
    for (int64_t i = thread(); i < kMatrixKeys * chunks; i += kThreads) {
      int64_t j = i / chunks, at = i % chunks;
      *reinterpret_cast<u32x4 *>(to + j * matrix_stride(width) + at * 16) =
          j < count ? row_of(j).load_bf16(at * kChunk) : u32x4{0, 0, 0, 0};
    }
  }

  /// The scores of all heads and of this warp's eight keys.
  FATHOM_INLINE void score() const {
    const char *own = keys + warp() * 8 * matrix_stride(s.width);
    float sums[Sets][4] = {};
    for (int64_t i = 0; i < s.width; i += 32) {
      uint32_t a[4], b[4];
      load_matrices(b, own + lane() % 8 * matrix_stride(s.width) + 2 * i + lane() / 8 * 16);
      for_each_set([&](int set) FATHOM_INLINED {
        const char *from = queries + (set * kHeads + lane() % 16) * matrix_stride(s.width) + lane() / 16 * 16;
        FATHOM_UNROLL for (int half = 0; half < 2; ++half) {
          load_matrices(a, from + 2 * (i + 16 * half));
          multiply(sums[set], a, b[2 * half], b[2 * half + 1]);
        }
      });
    }
    for_each_set([&](int set) FATHOM_INLINED {
      FATHOM_UNROLL for (int n = 0; n < 4; ++n) {
        int64_t head = set * kHeads + lane() / 4 + n / 2 * 8;
        scores[head * kScoreStride + warp() * 8 + lane() % 4 * 2 + n % 2] = sums[set][n];
      }
    });
  }

  /// A step of the softmax of a head that sees `count` keys of it, of which this thread has every kLanes-th.
  FATHOM_INLINE void weigh(int64_t head, int64_t count, PartSums &sums) {
    int64_t first = thread() % kLanes;
    float value[kOwnKeys], block = -__builtin_inff();
    FATHOM_UNROLL for (int n = 0; n < kOwnKeys; ++n) {
      int64_t key = first + n * kLanes;
      value[n] = key < count ? scores[head * kScoreStride + key] * s.scale : -__builtin_inff();
      block = value[n] > block ? value[n] : block;
    }
    block = largest_of_lanes<kLanes>(block);
    float next = block > sums.largest ? block : sums.largest;
    float factor = exponential(sums.largest - next), sum = 0.0f;
    FATHOM_UNROLL for (int n = 0; n < kOwnKeys; ++n) {
      uint32_t weight = pack_bf16(exponential(value[n] - next), 0.0f);
      sum = sum + from_bf16(weight);
      Numbers(weights + head * matrix_stride(kMatrixKeys), FATHOM_ROW_BF16).set(first + n * kLanes, from_bf16(weight));
    }
    sums = {next, sums.total * factor + sum_of_lanes<kLanes>(sum)};
    if (is_first_of_head()) {
      factors[head] = factor;
    }
  }

  FATHOM_INLINE void add_values() {
    for_each_result([&](int set, int tile, int n, int64_t head)
                        FATHOM_INLINED { part.results[set][tile][n] *= factors[head]; });
    const char *own = values + 2 * warp() * columns_of_warp();
    FATHOM_UNROLL for (int j = 0; j < kMatrixKeys; j += 16) {
      uint32_t a[Sets][4];
      for_each_set([&](int set) FATHOM_INLINED {
        int64_t head = set * kHeads + lane() % 16;
        load_matrices(a[set], weights + head * matrix_stride(kMatrixKeys) + 2 * j + lane() / 16 * 16);
      });
      FATHOM_UNROLL for (int tile = 0; tile < kMostTiles; tile += 2) {
        if (tile * 8 < columns_of_warp()) {
          uint32_t b[4];
          load_transposed(b, own + (j + lane() % 16) * value_stride() + tile * 16 + lane() / 16 * 16);
          for_each_set([&](int set) FATHOM_INLINED {
            multiply(part.results[set][tile], a[set], b[0], b[1]);
            multiply(part.results[set][tile + 1], a[set], b[2], b[3]);
          });
        }
      }
    }
  }

  /// To the keys [begin, end).
  FATHOM_INLINE void attend(int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kMatrixKeys) {
      int64_t there = smaller(kMatrixKeys, end - first);
      barrier();
      fill(keys, s.width, there, [&](int64_t j) FATHOM_INLINED { return all.key(first + j); });
      if (!s.shared) {
        fill(values, s.value_width, there, [&](int64_t j) FATHOM_INLINED { return all.value(first + j); });
      }
      barrier();
      score();
      barrier();
      for_each_set([&](int set) FATHOM_INLINED {
        weigh(own_head(set), all.seen_by(own_head(set), end) - first, part.sums[set]);
      });
      barrier();
      add_values();
    }
  }

  /// Adds the part to those before it, and begins another.
  FATHOM_INLINE void add_part() {
    barrier(); // others may still read factors
    for_each_set([&](int set) FATHOM_INLINED {
      PartSums::Factors own = before.sums[set].add(part.sums[set]);
      if (is_first_of_head()) {
        factors[own_head(set)] = own.before;
        part_factors[own_head(set)] = own.part;
      }
    });
    barrier();
    for_each_result([&](int set, int tile, int n, int64_t head) FATHOM_INLINED {
      float &sum = before.results[set][tile][n];
      sum = PartSums::add(sum, part.results[set][tile][n], {factors[head], part_factors[head]});
    });
    part = Part();
  }

  /// use(head, sums of the part), by a thread of each head.
  template <class Use>
  FATHOM_INLINE void finish_sums(const Use &use) const {
    for_each_set([&](int set) FATHOM_INLINED {
      if (is_first_of_head() && own_head(set) < s.heads) {
        use(own_head(set), part.sums[set]);
      }
    });
  }

  /// use(head, column, result), whole or not yet divided by the total.
  template <bool Whole = true, class Use>
  FATHOM_INLINE void finish(const Use &use) {
    if constexpr (Whole) {
      barrier(); // others may still read factors
      for_each_set([&](int set) FATHOM_INLINED {
        if (is_first_of_head()) {
          factors[own_head(set)] = 1.0f / part.sums[set].total;
        }
      });
      barrier();
    }
    for_each_result([&](int set, int tile, int n, int64_t head) FATHOM_INLINED {
      int64_t column = warp() * columns_of_warp() + tile * 8 + lane() % 4 * 2 + n % 2;
      if (tile * 8 < columns_of_warp() && head < s.heads) {
        use(head, column, Whole ? part.results[set][tile][n] * factors[head] : part.results[set][tile][n]);
      }
    });
  }
};

/// run(heads) with the form that suits what a kernel's constants say of activations and cache; `Sets` of matrices.
template <int Sets, class Keys, class Run>
FATHOM_INLINE void with_attending(const AttendingShape &shape, const Keys &keys, int64_t element, const Run &run) {
  bool narrow = element == FATHOM_ROW_BF16 && keys.key_format.element != FATHOM_ROW_F32 &&
                keys.value_format.element != FATHOM_ROW_F32;
  if (narrow && are_matrices(shape.width, shape.value_width, shape.shared)) {
    MatrixAttending<Keys, Sets> heads(shape, keys);
    run(heads);
  } else {
    Attending<Keys> heads(shape, keys);
    run(heads);
  }
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_MATRIX_ATTENDING_H

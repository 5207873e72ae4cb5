// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads of a row that attend to the same latents, as sm_90a has it: matrix_attending.h by two warpgroups that multiply
// what a third fetches. A value is the first numbers of a key.
//
// Keys come kMatrixKeys at a time, a tile, which has two places in shared memory as bf16. The first warpgroup has the
// scores of all heads, and a step of their softmax; it leaves weights and factors in shared memory. Then each
// warpgroup has half of the columns of the results, transposed: columns are the instruction's 64 rows, heads its
// columns, so that few heads take few registers. What is added up in which order says matrix_attending.h; a chain of
// this instruction is another than that of mma.sync.

#ifndef FATHOM_KERNELS_NVPTX_WARPGROUP_ATTENDING_H
#define FATHOM_KERNELS_NVPTX_WARPGROUP_ATTENDING_H

#include "kernels/nvptx/fetched_tiles.h"

namespace fathom::nv {

/// For those that multiply, for `Heads` heads. If `Whole`, parts of a unit are added up; else there is one.
template <int Heads, bool Whole>
struct TileAttending {
  static constexpr int kMostBlocks = 512 / 128; ///< of 64 columns, of a warpgroup
  static constexpr int kRowsOfLane = 2;         ///< heads whose scores a lane has, of a warp's sixteen

  TileMemory memory;
  int64_t width, value_width;
  int warp; ///< which the compiler knows to be that of all lanes
  TileTurn turn = {};
  uint32_t parity = 0; ///< of the weights

  using Results = float[kMostBlocks][Heads / 2];
  Results results, before; ///< `before`: those of parts that were added up
  PartSums sums[kRowsOfLane], sums_before[kRowsOfLane];

  FATHOM_INLINE TileAttending(const TileMemory &memory, int64_t width, int64_t value_width, int warp)
      : memory(memory), width(width), value_width(value_width), warp(warp) {}

  FATHOM_INLINE bool scores() const { return warp < 4; }
  FATHOM_INLINE int group() const { return warp / 4; }
  FATHOM_INLINE int64_t blocks_of_group() const { return value_width / 128; }
  /// Heads that a lane has scores of: rows of the instruction.
  FATHOM_INLINE int64_t scored_head(int i) const { return warp * 16 + lane() / 4 + 8 * i; }
  /// The head and the column of number n of block `block` of the results.
  static FATHOM_INLINE int64_t head_of(int n) { return n / 4 * 8 + lane() % 4 * 2 + n % 2; }
  FATHOM_INLINE int64_t column_of(int block, int n) const {
    return (block * 2 + group()) * 64 + warp % 4 * 16 + lane() / 4 + n / 2 % 2 * 8;
  }

  template <class Use>
  FATHOM_INLINE void for_each_block(const Use &use) const {
    FATHOM_UNROLL for (int block = 0; block < kMostBlocks; ++block) {
      if (block < blocks_of_group()) {
        use(block);
      }
    }
  }
  /// use(block, n) for each of this thread's results.
  template <class Use>
  FATHOM_INLINE void for_each_result(const Use &use) const {
    for_each_block([&](int block) FATHOM_INLINED {
      FATHOM_UNROLL for (int n = 0; n < Heads / 2; ++n) { use(block, n); }
    });
  }

  FATHOM_INLINE const char *keys_of(const TileTurn &tile) const {
    return memory.keys + tile.place * boxes(width) * kBoxBytes;
  }

  /// Of the heads of this warp and the keys of a tile; ends a group of products.
  FATHOM_INLINE void begin_scores(const TileTurn &tile, float (&scores)[32]) const {
    wait_for(memory.filled(tile.place), tile.parity);
    SharedRows rows = rows_at(memory.queries), columns = rows_at(keys_of(tile));
    begin_products(scores);
    FATHOM_UNROLL for (int k = 0; k < kMostTileWidth; k += 16) {
      if (k < width) {
        int at = k / 64 * kBoxBytes + k % 64 * 2;
        multiply_shared</*Turned=*/false>(scores, rows + at, columns + at, k > 0);
      }
    }
    commit_products();
  }

  /// A step of the softmax of head `i` of this lane, of which four lanes have scores; these become codes of weights.
  FATHOM_INLINE float weigh(int i, int64_t count, float scale, const float (&scores)[32], uint32_t (&codes)[8]) {
    float value[16], block = -__builtin_inff();
    FATHOM_UNROLL for (int n = 0; n < 16; ++n) {
      int64_t key = n / 2 * 8 + lane() % 4 * 2 + n % 2;
      value[n] = key < count ? scores[n / 2 * 4 + i * 2 + n % 2] * scale : -__builtin_inff();
      block = value[n] > block ? value[n] : block;
    }
    block = largest_of_lanes<4>(block);
    float next = block > sums[i].largest ? block : sums[i].largest;
    float factor = exponential(sums[i].largest - next), sum = 0.0f;
    FATHOM_UNROLL for (int n = 0; n < 8; ++n) {
      codes[n] = pack_bf16(exponential(value[2 * n] - next), exponential(value[2 * n + 1] - next));
      sum = sum + from_bf16(codes[n] & 0xFFFF) + from_bf16(codes[n] >> 16);
    }
    sums[i] = {next, sums[i].total * factor + sum_of_lanes<4>(sum)};
    return factor;
  }

  /// leave(i, head) is for the heads whose scores this lane has. For the first warpgroup; then both read_left.
  /// Products read it if `ForProducts`.
  template <bool ForProducts = false, class Leave>
  FATHOM_INLINE void leave(const Leave &leave) const {
    wait_for(memory.added(), parity ^ 1);
    FATHOM_UNROLL for (int i = 0; i < kRowsOfLane; ++i) {
      if (scored_head(i) < Heads) {
        leave(i, scored_head(i));
      }
    }
    if constexpr (ForProducts) {
      publish_to_products();
    }
    arrive(memory.weighed());
  }
  /// read(), of what the first warpgroup left.
  template <class Read>
  FATHOM_INLINE void read_left(const Read &read) {
    wait_for(memory.weighed(), parity);
    read();
    warp_barrier();
    if (lane() == 0) {
      arrive(memory.added());
    }
    parity ^= 1;
  }

  /// What the scores of a tile become.
  struct Weights {
    uint32_t codes[kRowsOfLane][8];
    float factors[kRowsOfLane];
  };
  FATHOM_INLINE void weigh(int64_t count, float scale, const float (&scores)[32], Weights &to) {
    FATHOM_UNROLL for (int i = 0; i < kRowsOfLane; ++i) { to.factors[i] = weigh(i, count, scale, scores, to.codes[i]); }
  }
  FATHOM_INLINE void leave_weights(const Weights &weights) const {
    leave</*ForProducts=*/true>([&](int i, int64_t head) FATHOM_INLINED {
      FATHOM_UNROLL for (int n = 0; n < 8; ++n) {
        char *piece = TileFetching::place_of(memory.weights, head, n);
        *reinterpret_cast<uint32_t *>(piece + lane() % 4 * 4) = weights.codes[i][n];
      }
      if (lane() % 4 == 0) {
        memory.factors[head] = weights.factors[i];
      }
    });
  }

  /// Ends a group of products.
  FATHOM_INLINE void begin_values(const TileTurn &tile) {
    for_each_result([&](int block, int n) FATHOM_INLINED { results[block][n] *= memory.factors[head_of(n)]; });
    SharedRows rows = rows_at(keys_of(tile) + group() * kBoxBytes), columns = rows_at(memory.weights);
    for_each_block([&](int block) FATHOM_INLINED { begin_products(results[block]); });
    FATHOM_UNROLL for (int j = 0; j < kMatrixKeys; j += 16) {
      for_each_block([&](int block) FATHOM_INLINED {
        multiply_shared</*Turned=*/true>(results[block], rows + (block * 2 * kBoxBytes + j * 128), columns + j * 2,
                                         /*adds=*/true);
      });
    }
    commit_products();
  }
  FATHOM_INLINE void wait_values() {
    for_each_block([&](int block) FATHOM_INLINED { wait_products(results[block]); });
  }
  /// The tile may be filled again.
  FATHOM_INLINE void leave_tile() {
    if (lane() == 0) {
      arrive(memory.empty(turn.place));
    }
    turn.advance();
  }

  /// The keys [begin, end), for the first warpgroup: scores of a tile are under way while it adds the values of the one
  /// before, and become weights meanwhile.
  FATHOM_INLINE void score_and_add(int64_t begin, int64_t end, float scale) {
    float scores[32];
    Weights weights;
    begin_scores(turn, scores);
    wait_products(scores);
    weigh(end - begin, scale, scores, weights);
    for (int64_t next = begin + kMatrixKeys; next < end; next += kMatrixKeys) {
      leave_weights(weights);
      read_left([&]() FATHOM_INLINED {
        TileTurn ahead = turn;
        ahead.advance();
        begin_scores(ahead, scores);
        begin_values(turn);
        wait_products<1>(scores);
        weigh(end - next, scale, scores, weights);
        wait_values();
      });
      leave_tile();
    }
    leave_weights(weights);
    add_values();
  }

  /// Of a tile whose weights are there, or will be.
  FATHOM_INLINE void add_values() {
    read_left([&]() FATHOM_INLINED {
      begin_values(turn);
      wait_values();
    });
    leave_tile();
  }

  /// To the keys [begin, end).
  FATHOM_INLINE void attend(int64_t begin, int64_t end, float scale) {
    FATHOM_UNROLL for (int i = 0; i < kRowsOfLane; ++i) { sums[i] = PartSums(); }
    for_each_result([&](int block, int n) FATHOM_INLINED { results[block][n] = 0.0f; });
    if (scores()) {
      return score_and_add(begin, end, scale);
    }
    for (int64_t first = begin; first < end; first += kMatrixKeys) {
      add_values();
    }
  }

  /// Adds the part to those before it.
  FATHOM_INLINE void add_part() {
    if (scores()) {
      leave([&](int i, int64_t head) FATHOM_INLINED {
        PartSums::Factors own = sums_before[i].add(sums[i]);
        if (lane() % 4 == 0) {
          memory.factors[head] = own.before;
          memory.part_factors[head] = own.part;
        }
      });
    }
    read_left([&]() FATHOM_INLINED {
      for_each_result([&](int block, int n) FATHOM_INLINED {
        PartSums::Factors factors = {memory.factors[head_of(n)], memory.part_factors[head_of(n)]};
        before[block][n] = PartSums::add(before[block][n], results[block][n], factors);
      });
    });
  }

  /// Of all parts; set(head, column, result).
  template <class Set>
  FATHOM_INLINE void run_whole(const TileUnit &unit, const Set &set) {
    FATHOM_UNROLL for (int i = 0; i < kRowsOfLane; ++i) { sums_before[i] = PartSums(); }
    for_each_result([&](int block, int n) FATHOM_INLINED { before[block][n] = 0.0f; });
    for (int64_t begin = unit.begin; begin < unit.end; begin += unit.part) {
      attend(begin, smaller(begin + unit.part, unit.end), unit.heads.shape.scale);
      add_part();
    }
    if (scores()) {
      leave([&](int i, int64_t head) FATHOM_INLINED {
        if (lane() % 4 == 0) {
          memory.factors[head] = 1.0f / sums_before[i].total;
        }
      });
    }
    read_left([&]() FATHOM_INLINED {
      for_each_result([&](int block, int n) FATHOM_INLINED {
        if (head_of(n) < unit.heads.shape.heads) {
          set(head_of(n), column_of(block, n), before[block][n] * memory.factors[head_of(n)]);
        }
      });
    });
  }

  /// Of one part.
  FATHOM_INLINE void run_part(const TileUnit &unit, const Partial &out) {
    attend(unit.begin, unit.end, unit.heads.shape.scale);
    FATHOM_UNROLL for (int i = 0; i < kRowsOfLane; ++i) {
      if (scores() && lane() % 4 == 0 && scored_head(i) < unit.heads.shape.heads) {
        out.set(unit.heads.first + scored_head(i), sums[i]);
      }
    }
    for_each_result([&](int block, int n) FATHOM_INLINED {
      if (head_of(n) < unit.heads.shape.heads) {
        out.value(unit.heads.first + head_of(n), column_of(block, n)) = results[block][n];
      }
    });
  }

  /// `out` is run_whole's or run_part's; a whole row is not empty.
  template <class Out>
  FATHOM_INLINE void run(const TileUnit &unit, const Out &out) {
    if constexpr (Whole) {
      run_whole(unit, out);
    } else if (unit.is_empty()) {
      if (thread() < unit.heads.shape.heads) {
        out.set(unit.heads.first + thread(), {0.0f, 0.0f});
      }
      return;
    } else {
      run_part(unit, out);
    }
    if (lane() == 0) {
      arrive(memory.answered());
    }
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_WARPGROUP_ATTENDING_H

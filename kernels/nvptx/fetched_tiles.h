// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys in shared memory as warpgroups multiply them, kMatrixKeys at a time, and the threads that fetch them.
//
// Rows of bf16 lie in boxes of 64 rows and 64 numbers of each, where pieces of 16 bytes have changed places as the
// instruction wants it. Rows that a cache has as bf16 are copied meanwhile; others pass through registers.

#ifndef FATHOM_KERNELS_NVPTX_FETCHED_TILES_H
#define FATHOM_KERNELS_NVPTX_FETCHED_TILES_H

#include "kernels/nvptx/partials.h"

namespace fathom::nv {

/// What is in the shared memory of a block: boxes of queries, of keys, and of the weights of each head.
struct TileMemory {
  char *queries, *keys, *weights;
  float *factors;      ///< of each head: for what came before a tile; then for the results
  float *part_factors; ///< the same for a part's results, where parts are added
  Barrier *barriers;

  explicit FATHOM_INLINE TileMemory(int64_t width) {
    queries = shared<char>();
    keys = queries + boxes(width) * kBoxBytes;
    weights = keys + kTiles * boxes(width) * kBoxBytes;
    factors = reinterpret_cast<float *>(weights + kBoxBytes);
    part_factors = factors + kBoxRows;
    barriers = reinterpret_cast<Barrier *>(part_factors + kBoxRows);
  }

  /// Whoever fetches has filled a place for keys, and queries as well; whoever multiplies has read it.
  FATHOM_INLINE Barrier *filled(uint32_t place) const { return barriers + place; }
  FATHOM_INLINE Barrier *empty(uint32_t place) const { return barriers + kTiles + place; }
  /// The first warpgroup has left weights and factors; both have read them.
  FATHOM_INLINE Barrier *weighed() const { return barriers + 2 * kTiles; }
  FATHOM_INLINE Barrier *added() const { return weighed() + 1; }
  /// Queries are not needed any more.
  FATHOM_INLINE Barrier *answered() const { return weighed() + 2; }

  /// Then all threads meet.
  FATHOM_INLINE void begin_barriers() const {
    if (thread() == 0) {
      for (uint32_t place = 0; place < kTiles; ++place) {
        begin_barrier(filled(place), kFetchers);
        begin_barrier(empty(place), kMultipliers / kWarp);
      }
      begin_barrier(weighed(), kWarpgroup);
      begin_barrier(added(), kMultipliers / kWarp);
      begin_barrier(answered(), kMultipliers / kWarp);
    }
    barrier();
  }
};

/// A place for keys that comes next, and how often it came.
struct TileTurn {
  uint32_t place = 0, parity = 0;

  FATHOM_INLINE void advance() {
    place = (place + 1) % kTiles;
    parity ^= place == 0;
  }
};

/// What heads of a row attend to: the keys [begin, end), of which there may be none, in parts of `part`.
struct TileUnit {
  AttendingHeads heads;
  int64_t begin, end, part;

  FATHOM_INLINE bool is_empty() const { return begin >= end; }
};

/// For threads that fetch.
struct TileFetching {
  TileMemory memory;
  int64_t width;
  TileTurn turn = {};
  uint32_t parity = 0; ///< of the queries

  static constexpr int kMostBoxes = kMostTileWidth / 64;
  /// Eight threads have 128 bytes of a row; then they have the row that is so many behind it.
  static constexpr int kRowsAtOnce = kFetchers / 8;

  /// A piece of the first box.
  static FATHOM_INLINE char *place_of(char *boxes, int64_t row, int piece) {
    return boxes + row * 128 + (piece ^ row) % 8 * 16;
  }

  /// All rows of boxes: `count` that row_of(j) gives, and zeros behind them, since what is there must not meet a weight
  /// of 0.
  template <class RowOf>
  FATHOM_INLINE void fill(char *boxes, int64_t count, const RowOf &row_of) const {
    int fetcher = thread() % kFetchers, piece = fetcher % 8;
    for (int64_t j = fetcher / 8; j < kBoxRows; j += kRowsAtOnce) {
      CachedRow row = row_of(j < count ? j : 0);
      char *to = place_of(boxes, j, piece);
      if (row.whole() && row.format.element == FATHOM_ROW_BF16) {
        FATHOM_UNROLL for (int box = 0; box < kMostBoxes; ++box) {
          if (box * 64 + piece * kChunk < width) {
            copy_async(to + box * kBoxBytes, row.data + (box * 8 + piece) * 16, j < count);
          }
        }
      } else {
        fill_decoded(to, row, piece, j < count);
      }
    }
  }
  FATHOM_INLINE void fill_decoded(char *to, const CachedRow &row, int piece, bool there) const {
    u32x4 codes[kMostBoxes];
    FATHOM_UNROLL for (int box = 0; box < kMostBoxes; ++box) {
      int64_t i = box * 64 + piece * kChunk;
      codes[box] = there && i < width ? row.load_bf16(i) : u32x4{0, 0, 0, 0};
    }
    FATHOM_UNROLL for (int box = 0; box < kMostBoxes; ++box) {
      if (box * 64 + piece * kChunk < width) {
        *reinterpret_cast<u32x4 *>(to + box * kBoxBytes) = codes[box];
      }
    }
  }

  FATHOM_INLINE void fill_queries(const AttendingHeads &heads) const {
    fill(memory.queries, heads.shape.heads, [&](int64_t head) FATHOM_INLINED -> CachedRow {
      return {(heads.queries + head * width).data, RowFormat(FATHOM_ROW_BF16, width)};
    });
  }

  /// Queries are there when the first keys are.
  template <class Keys>
  FATHOM_INLINE void run(const TileUnit &unit, const Keys &keys) {
    if (unit.is_empty()) {
      return; // else those that multiply, who need nothing of it, would get ahead by more than a phase
    }
    wait_for(memory.answered(), parity ^ 1);
    parity ^= 1;
    fill_queries(unit.heads);
    for (int64_t first = unit.begin; first < unit.end; first += kMatrixKeys) {
      wait_for(memory.empty(turn.place), turn.parity ^ 1);
      fill(memory.keys + turn.place * boxes(width) * kBoxBytes, unit.end - first,
           [&](int64_t j) FATHOM_INLINED { return keys.key(first + j); });
      commit_copies();
      wait_copies<0>();
      publish_to_products();
      arrive(memory.filled(turn.place));
      turn.advance();
    }
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_FETCHED_TILES_H

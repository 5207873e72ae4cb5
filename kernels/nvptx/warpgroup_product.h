// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a product of bf16, or of FP8 and bf16, of weights in panels, as sm_90a has it: two warpgroups multiply what
// a third fetches.
//
// Weights are the instruction's 64 rows, tokens its columns. Weights come in bulk, and pass through registers; tokens
// are copied piece by piece, to where TMA would put pieces of rows of 128 bytes. With few rows of a call the warpgroups
// share the weights, and each has tokens of its own; with many they share the tokens.

#ifndef FATHOM_KERNELS_NVPTX_WARPGROUP_PRODUCT_H
#define FATHOM_KERNELS_NVPTX_WARPGROUP_PRODUCT_H

#include "kernels/nvptx/bulk_panels.h"
#include "kernels/nvptx/ring.h"

namespace fathom::nv {

/// `OwnTokens` is what a warpgroup has in one tile.
template <class Matrix, int OwnTokens>
struct WarpgroupProduct {
  using Weight = typename Matrix::Weight;
  static constexpr bool kGated = Matrix::kGated;
  static constexpr int kGroups = kMultipliers / kWarpgroup;
  static constexpr bool kShareWeights = OwnTokens < 128;
  /// Steps of a place, and those that are multiplied at a time.
  static constexpr int kStep = OwnTokens == 8 ? 256 / Matrix::kBytes : kShareWeights ? 128 : 64;
  static constexpr int kRun = kShareWeights || !Weight::kQuantized ? 64 : 32;

  using Panels = BulkPanels<Matrix, kShareWeights ? 2 : 2 * kGroups, kStep>;
  static constexpr int kOutputs = Panels::kOutputs * (kShareWeights ? 1 : kGroups);
  static constexpr int kRows = OwnTokens * (kShareWeights ? kGroups : 1);
  /// Tokens begin at a multiple of 1024 bytes, and lie in boxes of 64 numbers of each.
  static constexpr int kTokensAt = (Panels::kSize + 1023) / 1024 * 1024, kBox = kRows * 128;
  static_assert(kTokensAt + kStep / 64 * kBox <= kPlaceBytes);
  /// Turns from a place's copies to their end.
  static constexpr int kLag = kPlaces - 2;

  using Sums = float[OwnTokens / 2];

  static FATHOM_INLINE void fetch_tokens(const Matrix &weights, const Tokens &x, int64_t rows, int64_t row,
                                         int64_t from, int fetcher, char *to) {
    constexpr int kOfToken = kStep / kChunk;
    for (int i = fetcher; i < kRows * kOfToken; i += kFetchers) {
      int token = i / kOfToken, piece = i % kOfToken;
      bool there = row + token < rows;
      copy_numbers<uint16_t>(to + piece / 8 * kBox + token * 128 + (piece ^ token) % 8 * 16,
                             x.row(there ? row + token : row).data, from + piece * kChunk, weights.depth, there,
                             x.whole && weights.depth % kChunk == 0);
    }
  }

  /// For a thread that fetches.
  static FATHOM_INLINE void fetch(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                  Ring &ring) {
    Ring told = ring;
    int fetcher = thread() - kMultipliers;
    int64_t steps = ceil_div(weights.depth, kStep);
    // Each turn ends a group of copies, with or without any, so that as many are under way.
    for (int64_t step = 0; step < steps + kLag; ++step) {
      if (step < steps) {
        ring.wait_until_empty();
        Panels::template fetch<kRun>(weights, Matrix::row_of(column, 0), step * kStep, fetcher, ring.data(),
                                     ring.filled());
        fetch_tokens(weights, x, rows, row, step * kStep, fetcher, ring.data() + kTokensAt);
        ring.advance();
      }
      commit_copies();
      if (step >= kLag) {
        wait_copies<kLag>();
        publish_to_products();
        arrive(told.filled());
        told.advance();
      }
    }
  }

  /// Scales of the rows that a lane has sums of: of a block of steps, and of the one behind it, long before they are
  /// needed.
  struct Scales {
    float now[2], next[2];
  };
  static FATHOM_INLINE void load_scales(const Matrix &weights, int64_t column, int warp, int64_t k, Scales &scales) {
    FATHOM_UNROLL for (int i = 0; i < 2; ++i) {
      int64_t row = Matrix::row_of(column + Panels::output_of_lane(warp, i), kGated ? i : 0);
      scales.now[i] = scales.next[i];
      scales.next[i] = weights.scale(smaller(row, weights.rows() - 1), smaller(k, weights.depth - 1));
    }
  }

  /// Steps k to k + kRun - 1 of a place.
  static FATHOM_INLINE void multiply_run(const char *panels, const char *tokens, int warp, int k, bool adds,
                                         Sums &sums) {
    Fragments a[kRun / 32];
    FATHOM_UNROLL for (int i = 0; i < kRun / 32; ++i) { Panels::load(panels, warp, k + 32 * i, a[i]); }
    begin_products(sums, a);
    FATHOM_UNROLL for (int i = 0; i < kRun / 16; ++i) {
      multiply_group(sums, a[i / 2][i % 2], tokens + k / 64 * kBox + (k % 64 + 16 * i) * 2, adds || i > 0);
    }
    commit_products();
    wait_products(sums);
  }

  /// finish(row of the product, output, sum, sum of the up if there is one) for the sums of this lane.
  template <class Finish>
  static FATHOM_INLINE void store(const Matrix &weights, int64_t rows, int64_t column, int64_t row, int warp,
                                  const Sums &sums, const Finish &finish) {
    int64_t first = unknown(row + lane() % 4 * 2);
    FATHOM_UNROLL for (int j = 0; j < OwnTokens / 8; ++j) {
      FATHOM_UNROLL for (int n = 0; n < (kGated ? 2 : 4); ++n) {
        int64_t output = column + Panels::output_of_lane(warp, n / 2), token = first + j * 8 + n % 2;
        if (output < weights.outputs && token < rows) {
          finish(token, output, sums[4 * j + n], sums[4 * j + (kGated ? 2 : 0) + n]);
        }
      }
    }
    keep_apart<OwnTokens>();
  }

  /// The steps of a place, from step `from` of the matrix on. Of FP8 a chain is what a block of scales has so far.
  static FATHOM_INLINE void multiply_place(const Matrix &weights, int64_t column, int64_t from, const char *panels,
                                           const char *tokens, int warp, Scales &scales, Sums &chain, Sums &total) {
    for (int k = 0; k < kStep && from + k < weights.depth; k += kRun) {
      bool adds = !Weight::kQuantized || (from + k) % FATHOM_SCALE_BLOCK != 0;
      if (!adds) {
        load_scales(weights, column, warp, from + k + FATHOM_SCALE_BLOCK, scales);
      }
      multiply_run(panels, tokens, warp, k, adds, chain);
      int64_t end = from + k + kRun;
      if (Weight::kQuantized && (end % FATHOM_SCALE_BLOCK == 0 || end >= weights.depth)) {
        FATHOM_UNROLL for (int n = 0; n < OwnTokens / 2; ++n) {
          total[n] = __builtin_fmaf(chain[n], scales.now[n / 2 % 2], total[n]);
        }
      }
    }
  }

  /// For warp `warp` of a warpgroup whose outputs and tokens begin at `column` and `row`, and in a place at panels_at
  /// and tokens_at.
  template <class Finish>
  static FATHOM_INLINE void multiply_fetched(const Matrix &weights, int64_t rows, int64_t column, int64_t row, int warp,
                                             int panels_at, int tokens_at, const Finish &finish, Ring &ring) {
    bool works = column < weights.outputs && row < rows;
    Sums chain = {}, total = {};
    Scales scales = {};
    if constexpr (Weight::kQuantized) {
      load_scales(weights, column, warp, 0, scales);
    }
    for (int64_t from = 0; from < weights.depth; from += kStep) {
      ring.wait_until_filled();
      if (works) {
        multiply_place(weights, column, from, ring.data() + panels_at, ring.data() + tokens_at, warp, scales, chain,
                       total);
      }
      warp_barrier();
      if (lane() == 0) {
        arrive(ring.empty());
      }
      ring.advance();
    }
    store(weights, rows, column, row, warp, Weight::kQuantized ? total : chain, finish);
  }

  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix &weights, const Tokens &x, int64_t rows, int64_t column, int64_t row,
                                     const Finish & /*finish*/, FetchingRing &ring) {
    fetch(weights, x, rows, column, row, ring);
  }

  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix &weights, const Tokens & /*x*/, int64_t rows, int64_t column,
                                     int64_t row, const Finish &finish, MultiplyingRing &ring) {
    int warp = shuffle(nv::warp(), 0), group = warp / 4; // which the compiler then knows to be those of all lanes
    if constexpr (kShareWeights) {
      multiply_fetched(weights, rows, column, row + group * OwnTokens, warp % 4, 0, kTokensAt + group * OwnTokens * 128,
                       finish, ring);
    } else {
      multiply_fetched(weights, rows, column + group * Panels::kOutputs, row, warp % 4, group * 2 * Panels::kOfPanel,
                       kTokensAt, finish, ring);
    }
  }

  /// Of threads that do not share a ring, which multiply exactly.
  template <class Finish>
  static FATHOM_INLINE void multiply(const Matrix &, const Tokens &, int64_t, int64_t, int64_t, const Finish &,
                                     Ring &) {}
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_WARPGROUP_PRODUCT_H

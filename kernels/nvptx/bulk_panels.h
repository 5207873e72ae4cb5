// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Panels of weights in shared memory as they are, fetched in bulk, and how the lanes of a warpgroup have them for the
// instruction that multiplies matrices of 64 rows: in registers, since that takes neither panels nor codes of FP8 from
// memory. A warpgroup has two panels: 64 outputs, or 32 gates and their ups. Of these a warp has eight of each, as rows
// of the instruction that are eight apart, so that a lane has the sums of an output's gate and of its up.

#ifndef FATHOM_KERNELS_NVPTX_BULK_PANELS_H
#define FATHOM_KERNELS_NVPTX_BULK_PANELS_H

#include "kernels/nvptx/staged_weights.h"

namespace fathom::nv {

/// `Steps` steps of k of `Panels` panels, 16 bytes apart, so that gates and their ups lie in different banks.
template <class Matrix, int Panels, int Steps>
struct BulkPanels {
  using Weight = typename Matrix::Weight;
  static constexpr bool kGated = Matrix::kGated;
  static constexpr int kRow = kPanel * Matrix::kBytes, kOfPanel = Steps * kRow + 16, kSize = Panels * kOfPanel;
  static constexpr int kOutputs = kGated ? kPanel : 2 * kPanel; ///< of a warpgroup

  /// For thread `fetcher` of kFetchers. One arrives at the barrier, which gets the bytes. Behind the last step of the
  /// matrix there are zeros, in as many steps as make `Whole`.
  template <int Whole>
  static FATHOM_INLINE void fetch(const Matrix &weights, int64_t first, int64_t from, int fetcher, char *to,
                                  Barrier *filled) {
    int64_t left = smaller(Steps, weights.depth - from);
    if (fetcher == 0) {
      arrive_expecting(filled, Panels * left * kRow);
    }
    if (fetcher < Panels) {
      // Instead of panels that there are not, the last one again: nobody asks for these sums.
      int64_t panel = smaller(first / kPanel + fetcher, weights.rows() / kPanel - 1);
      copy_bulk(to + fetcher * kOfPanel, weights.step(panel, from), left * kRow, filled);
    }
    int64_t end = ceil_div(left, Whole) * Whole * kRow;
    for (int64_t at = left * kRow + fetcher * 16; at < end; at += kFetchers * 16) {
      FATHOM_UNROLL for (int panel = 0; panel < Panels; ++panel) {
        *reinterpret_cast<u32x4 *>(to + panel * kOfPanel + at) = u32x4{0, 0, 0, 0};
      }
    }
  }

  /// What a lane of warp `warp` of a warpgroup, whose panels begin at `from`, has of steps k to k + 31.
  static FATHOM_INLINE void load(const char *from, int warp, int k, Fragments &to) {
    if constexpr (Weight::kQuantized) {
      load_codes(from, warp, k, to);
    } else {
      load_numbers(from, warp, k, to);
    }
  }

  /// Which output of the warpgroup's row lane() / 4 + 8 * i of the warp is.
  static FATHOM_INLINE int output_of_lane(int warp, int i) {
    if constexpr (Weight::kQuantized) {
      return kGated ? warp / 2 * 16 + lane() / 4 * 2 + warp % 2 : warp * 16 + lane() / 4 * 2 + i;
    }
    return kGated ? warp * 8 + lane() / 4 : warp * 16 + lane() / 4 + 8 * i;
  }

private:
  /// Rows are 64 bytes: the same eight outputs of eight steps lie in a quarter of the banks. So a matrix has the one
  /// eight of two steps and the other eight of the next two; a lane gets both, and puts them in order.
  static FATHOM_INLINE void load_numbers(const char *from, int warp, int k, Fragments &to) {
    from += kGated ? warp * 16 : warp / 2 * kOfPanel + warp % 2 * 32;
    int other = (lane() / 8 ^ lane() / 2) % 2 * (kGated ? kOfPanel : 16);
    FATHOM_UNROLL for (int half = 0; half < 2; ++half, k += 16) {
      uint32_t found[4];
      load_transposed(found, from + (k + lane() / 16 * 8 + lane() % 8) * kRow + other);
      FATHOM_UNROLL for (int i = 0; i < 4; i += 2) {
        uint32_t change = (found[i] ^ found[i + 1]) & -(lane() % 2);
        to[half][i] = found[i] ^ change;
        to[half][i + 1] = found[i + 1] ^ change;
      }
    }
  }

  /// A number of 16 bits is the codes of two outputs. Of gates a warp takes every second, and of their ups.
  static FATHOM_INLINE void load_codes(const char *from, int warp, int k, Fragments &to) {
    from += kGated ? warp / 2 * 16 : warp / 2 * kOfPanel + warp % 2 * 16;
    uint32_t codes[4], ups[4];
    load_transposed(codes, from + (k + lane()) * kRow);
    if constexpr (kGated) {
      load_transposed(ups, from + (k + lane()) * kRow + kOfPanel);
    }
    int own = kGated ? warp % 2 : 0;
    FATHOM_UNROLL for (int i = 0; i < 4; ++i) {
      to[i / 2][i % 2 * 2] = decode_e4m3_pair(codes[i], own, 2 + own);
      to[i / 2][i % 2 * 2 + 1] = kGated ? decode_e4m3_pair(ups[i], own, 2 + own) : decode_e4m3_pair(codes[i], 1, 3);
    }
  }
};

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_BULK_PANELS_H

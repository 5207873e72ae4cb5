// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The column of the largest number of a row, of equal ones the first; -1 if one is not finite. A block takes a row.
//
// Operands: x f32[rows, V], out i32[rows].
//
// Whichever of two is larger, or first, does not depend on the order in which they meet.

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct Argmax : argmax_op {
  /// A number, and the column where it is.
  struct Found {
    float largest;
    int32_t column;

    FATHOM_INLINE void take(float x, int32_t at) {
      bool isBetter = x > largest || (x == largest && at < column);
      largest = isBetter ? x : largest;
      column = isBetter ? at : column;
    }
  };

  static FATHOM_INLINE Found find_of_thread(const Row &x, int64_t width) {
    Found found = {-__builtin_inff(), static_cast<int32_t>(width)};
    float errors = 0.0f; // x - x is 0 for a number and NaN for anything else, and stays NaN in a sum
    for (int64_t i = thread() * kChunk; i < width; i += kThreads * kChunk) {
      Chunk numbers;
      x.load(i, numbers);
      FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) {
        if (i + j < width) {
          errors = errors + (numbers[j] - numbers[j]);
          found.take(numbers[j], static_cast<int32_t>(i + j));
        }
      }
    }
    // Larger than all numbers, and at no column.
    return errors == 0.0f ? found : Found{__builtin_inff(), -1};
  }

  template <int Lanes>
  static FATHOM_INLINE Found find_of_lanes(Found found) {
    FATHOM_UNROLL for (int distance = Lanes / 2; distance > 0; distance /= 2) {
      float other = shuffle_xor(found.largest, distance);
      found.take(other, shuffle_xor(found.column, distance));
    }
    return found;
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    auto *of_warps = shared<Found>();
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Found found = find_of_lanes<kWarp>(find_of_thread(Row(numbers(dispatch, 0, FATHOM_ROW_F32), row, c[V]), c[V]));
      barrier(); // others may still read those of the last row
      if (lane() == 0) {
        of_warps[warp()] = found;
      }
      barrier();
      if (warp() == 0) {
        found = find_of_lanes<kWarps>(of_warps[lane() % kWarps]);
        if (lane() == 0) {
          operand<int32_t>(dispatch, 1)[row] = found.column;
        }
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(Argmax)

} // namespace fathom::nv

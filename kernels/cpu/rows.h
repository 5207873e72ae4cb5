// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that move or combine rows without reducing anything: embedding, select_rows, swiglu.

#ifndef FATHOM_KERNELS_CPU_ROWS_H
#define FATHOM_KERNELS_CPU_ROWS_H

#include "kernels/cpu/kernel.h"
#include "kernels/cpu/weights.h"

namespace fathom::cpu {

/// Operands: tokens i32[T], table [V, H] row by row, out [T, H]. A token outside the table reads as zeros.
template <class Weight>
struct Embedding {
  enum Constant { FATHOM_CONSTANTS_EMBEDDING };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    int64_t token = operand<const int32_t>(dispatch, 0)[item];
    float *out = operand<float>(dispatch, 2) + item * c[H];
    if (token < 0 || token >= c[V]) {
      for (int64_t i = 0; i < c[H]; ++i) {
        out[i] = 0.0f;
      }
      return;
    }
    auto *table = operand<const typename Weight::Stored>(dispatch, 1);
    decode_row<Weight>(table + token * c[H], nullptr, 0, c[H], out);
  }
};

/// Operands: x [T, H], ids i32[rows], out [rows, H].
struct SelectRows {
  enum Constant { FATHOM_CONSTANTS_SELECT_ROWS };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    int64_t row = operand<const int32_t>(dispatch, 1)[item];
    decode_row<F32>(operand<const float>(dispatch, 0) + row * c[H], nullptr, 0, c[H],
                    operand<float>(dispatch, 2) + item * c[H]);
  }
};

/// Operands: gate [T, N], up [T, N], out [T, N].
struct Swiglu {
  enum Constant { FATHOM_CONSTANTS_SWIGLU };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    const float *gate = operand<const float>(dispatch, 0) + item * c[N];
    const float *up = operand<const float>(dispatch, 1) + item * c[N];
    float *out = operand<float>(dispatch, 2) + item * c[N];
    int64_t i = 0;
    for (; i + kLanes <= c[N]; i += kLanes) {
      store(out + i, silu(load(gate + i)) * load(up + i));
    }
    if (i < c[N]) {
      store_part(out + i, silu(load_part(gate + i, c[N] - i)) * load_part(up + i, c[N] - i), c[N] - i);
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_ROWS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RMS norms: out = x / sqrt(mean(x^2) + eps) * w, a token an item.
//
// The squares are added in sixteen lanes, then in a fixed tree.

#ifndef FATHOM_KERNELS_CPU_NORM_H
#define FATHOM_KERNELS_CPU_NORM_H

#include "kernels/cpu/kernel.h"
#include "kernels/cpu/weights.h"

namespace fathom::cpu {

/// 1 / sqrt(mean(x^2) + eps).
FATHOM_INLINE float inverse_rms(const float *x, int64_t count, float eps) {
  f32x16 squares = 0.0f;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    squares = fma(load(x + i), load(x + i), squares);
  }
  if (i < count) {
    f32x16 rest = load_part(x + i, count - i);
    squares = fma(rest, rest, squares);
  }
  return 1.0f / __builtin_elementwise_sqrt(sum(squares) / static_cast<float>(count) + eps);
}

template <class Weight>
FATHOM_INLINE void normalise_row(const float *x, const typename Weight::Stored *weight, int64_t count, float eps,
                                 float *out) {
  float factor = inverse_rms(x, count, eps);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(out + i, load(x + i) * factor * Weight::template decode<16>(weight + i));
  }
  for (; i < count; ++i) {
    out[i] = x[i] * factor * Weight::template decode<1>(weight + i)[0];
  }
}

/// Operands: x [T, x_stride] from column x_offset on, w [H], out [T, H].
template <class Weight>
struct RmsNorm {
  enum Constant { FATHOM_CONSTANTS_RMS_NORM };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    normalise_row<Weight>(operand<const float>(dispatch, 0) + item * c[x_stride] + c[x_offset],
                          operand<const typename Weight::Stored>(dispatch, 1), c[H], real(c[eps]),
                          operand<float>(dispatch, 2) + item * c[H]);
  }
};

/// Operands: x [T, H], r [T, H], w [H], sum [T, H] = x + r, out [T, H] = norm of the sum.
template <class Weight>
struct AddRmsNorm {
  enum Constant { FATHOM_CONSTANTS_ADD_RMS_NORM };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    const float *x = operand<const float>(dispatch, 0) + item * c[H];
    const float *residual = operand<const float>(dispatch, 1) + item * c[H];
    float *total = operand<float>(dispatch, 3) + item * c[H];
    int64_t i = 0;
    for (; i + kLanes <= c[H]; i += kLanes) {
      store(total + i, load(x + i) + load(residual + i));
    }
    for (; i < c[H]; ++i) {
      total[i] = x[i] + residual[i];
    }
    normalise_row<Weight>(total, operand<const typename Weight::Stored>(dispatch, 2), c[H], real(c[eps]),
                          operand<float>(dispatch, 4) + item * c[H]);
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_NORM_H

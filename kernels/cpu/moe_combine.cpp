// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experts' results of a token added up. A token is an item.
//
// Operands: y [T * k, H], slot i32[T, k], weights f32[T, k], out [T, H] = sum over j of weights[j] *
// y[slot[j]] in order, then the epilogue's.

#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

struct MoeCombine : RowItems<moe_combine_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation y = activation(dispatch, 0, c[x_element]);
    const int32_t *slot = operand<const int32_t>(dispatch, 1) + item * c[k];
    const float *weights = operand<const float>(dispatch, 2) + item * c[k];
    Activation out = activation(dispatch, 3, c[x_element]) + item * c[H];
    int64_t column = 0;
    for (; column + kPanel <= c[H]; column += kPanel) {
      alignas(64) float values[kPanel];
      for (int64_t i = 0; i < kPanel; i += kLanes) {
        f32x16 total = 0.0f;
        for (int64_t j = 0; j < c[k]; ++j) {
          total = fma(weights[j], load(y + slot[j] * c[H] + column + i), total);
        }
        store(values + i, total);
      }
      fathom_epilogue(dispatch, item, column, kPanel, values);
      store(out + column, load(values));
      store(out + column + kLanes, load(values + kLanes));
    }
    if (column < c[H]) {
      combine_rest(dispatch, c, item, column, y, slot, weights, out);
    }
  }

  static FATHOM_INLINE void combine_rest(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item,
                                         int64_t column, const Activation &y, const int32_t *slot, const float *weights,
                                         const Activation &out) {
    alignas(64) float values[kPanel];
    int64_t count = c[H] - column;
    for (int64_t i = 0; i < count; ++i) {
      float total = 0.0f;
      for (int64_t j = 0; j < c[k]; ++j) {
        total = __builtin_elementwise_fma(weights[j], static_cast<float>(y[slot[j] * c[H] + column + i]), total);
      }
      values[i] = total;
    }
    fathom_epilogue(dispatch, item, column, count, values);
    for (int64_t i = 0; i < count; ++i) {
      out[column + i] = values[i];
    }
  }
};

FATHOM_DEFINE_KERNEL(MoeCombine)

} // namespace fathom::cpu

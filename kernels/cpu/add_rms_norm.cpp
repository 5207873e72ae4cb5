// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Residual sum, then its RMS norm, a token an item.
//
// Operands: x [T, H], residual [T, H], w [H], sum [T, H] = x + residual, out [T, H] = norm of the
// sum as it is stored.

#include "kernels/cpu/norm.h"

namespace fathom::cpu {

template <class Weight>
struct AddRmsNorm : RowItems<add_rms_norm_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation x = activation(dispatch, 0, c[x_element]) + item * c[H];
    Activation residual = activation(dispatch, 1, c[x_element]) + item * c[H];
    Activation total = activation(dispatch, 3, c[x_element]) + item * c[H];
    int64_t i = 0;
    for (; i + kLanes <= c[H]; i += kLanes) {
      store(total + i, load(x + i) + load(residual + i));
    }
    for (; i < c[H]; ++i) {
      total[i] = x[i] + residual[i];
    }
    normalize_row<Weight>(total, operand<const typename Weight::Stored>(dispatch, 2), c[H], real(c[eps]),
                          activation(dispatch, 4, c[x_element]) + item * c[H]);
  }
};

FATHOM_DEFINE_KERNEL(AddRmsNorm<Weight>)

} // namespace fathom::cpu

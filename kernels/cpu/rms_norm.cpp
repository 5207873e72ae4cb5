// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RMS norm: out = x / sqrt(mean(x^2) + eps) * w, for each of a token's groups alone. A token is an item.
//
// Operands: x [T, x_stride] from column x_offset on, w [H], out [T, groups, H].

#include "kernels/cpu/norm.h"

namespace fathom::cpu {

template <class Weight>
struct RmsNorm : RowItems<rms_norm_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation x = activation(dispatch, 0, c[x_element]) + item * c[x_stride] + c[x_offset];
    Activation out = activation(dispatch, 2, c[out_element]) + item * c[groups] * c[H];
    for (int64_t group = 0; group < c[groups]; ++group) {
      normalize_row<Weight>(x + group * c[H], operand<const typename Weight::Stored>(dispatch, 1), c[H], real(c[eps]),
                            out + group * c[H]);
    }
  }
};

FATHOM_DEFINE_KERNEL(RmsNorm<Weight>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RMS norm: out = x / sqrt(mean(x^2) + eps) * w, for each of a token's groups alone. A block takes a group.
//
// Operands: x [T, x_stride] from column x_offset on, w [H], out [T, groups, H]. The order of sums is that of norm.h.

#include "kernels/nvptx/norm.h"

namespace fathom::nv {

template <class Weight>
struct RmsNorm : rms_norm_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows * c[groups], [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / c[groups], group = unit % c[groups];
      Row x(numbers(dispatch, 0, c[x_element]) + group * c[H], row, c[x_stride], c[x_offset], c[H]);
      Row weight(numbers(dispatch, 1, Weight::kElement), 0, c[H]);
      normalize_row(x, weight, real(c[eps]), Row(numbers(dispatch, 2, c[out_element]), unit, c[H]));
    });
  }
};

FATHOM_DEFINE_KERNEL(RmsNorm<Weight>)

} // namespace fathom::nv

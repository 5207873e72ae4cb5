// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotates the heads of a token by its position. A block takes a token.
//
// Operands: x [T, x_stride] from column x_offset on, H heads of d numbers, of which the first dr rotate and the others
// pass; a rope table f32 [positions][dr / 2][2] of cosine and sine; out [T, H, d]. With half_split pair i of a head is
// (x[i], x[i + dr / 2]), else (x[2i], x[2i + 1]).

#include "kernels/nvptx/rotation.h"

namespace fathom::nv {

struct Rope : rope_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t width = c[H] * c[d];
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Numbers x = numbers(dispatch, 0, c[x_element]) + (row * c[x_stride] + c[x_offset]);
      const float *angles = operand<const float>(dispatch, 1) + dispatch->positions[row] * c[dr];
      Numbers out = numbers(dispatch, 2, c[x_element]) + row * width;
      for (int64_t i = thread(); i < width; i += threads_of(width)) {
        int64_t number = i % c[d];
        out.set(i, rotated(x + (i - number), angles, c[dr], c[half_split], number));
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(Rope)

} // namespace fathom::nv

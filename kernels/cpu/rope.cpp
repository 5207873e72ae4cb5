// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotates the heads of a token by its position. A token is an item.
//
// Operands: x [T, x_stride] from column x_offset on, H heads of d numbers, of which the first dr rotate and the others
// pass; a rope table f32 [positions][dr / 2][2] of cosine and sine; out [T, H, d]. With half_split pair i of a head is
// (x[i], x[i + dr / 2]), else (x[2i], x[2i + 1]).

#include "kernels/cpu/attention.h"

namespace fathom::cpu {

struct Rope : RowItems<rope_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation x = activation(dispatch, 0, c[x_element]) + item * c[x_stride] + c[x_offset];
    const float *angles = operand<const float>(dispatch, 1) + dispatch->positions[item] * c[dr];
    Activation out = activation(dispatch, 2, c[x_element]) + item * c[H] * c[d];
    for (int64_t head = 0; head < c[H]; ++head, x = x + c[d], out = out + c[d]) {
      if (c[half_split]) {
        rotate_halves(x, angles, c[dr], out);
      } else {
        rotate(x, angles, c[dr], out);
      }
      for (int64_t i = c[dr]; i < c[d]; ++i) {
        out[i] = x[i];
      }
    }
  }
};

FATHOM_DEFINE_KERNEL(Rope)

} // namespace fathom::cpu

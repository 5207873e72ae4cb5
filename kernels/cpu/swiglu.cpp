// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SwiGLU of two activations: out = silu(gate) * up.
//
// Operands: gate [T, N], up [T, N], out [T, N].

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

struct Swiglu : RowItems<swiglu_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation gate = activation(dispatch, 0, c[x_element]) + item * c[N];
    Activation up = activation(dispatch, 1, c[x_element]) + item * c[N];
    Activation out = activation(dispatch, 2, c[x_element]) + item * c[N];
    int64_t i = 0;
    for (; i + kLanes <= c[N]; i += kLanes) {
      store(out + i, silu(load(gate + i)) * load(up + i));
    }
    if (i < c[N]) {
      store_part(out + i, silu(load_part(gate + i, c[N] - i)) * load_part(up + i, c[N] - i), c[N] - i);
    }
  }
};

FATHOM_DEFINE_KERNEL(Swiglu)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SwiGLU of two activations: out = silu(gate) * up.
//
// Operands: gate [T, N], up [T, N], out [T, N].

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct Swiglu : swiglu_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      auto row_of = [&](int index) FATHOM_INLINED { return Row(numbers(dispatch, index, c[x_element]), row, c[N]); };
      Row gate = row_of(0), up = row_of(1), out = row_of(2);
      for_each_chunk(c[N], [&](int64_t i) FATHOM_INLINED {
        Chunk value, factor;
        gate.load(i, value);
        up.load(i, factor);
        FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { value[j] = silu(value[j]) * factor[j]; }
        out.store(i, value);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(Swiglu)

} // namespace fathom::nv

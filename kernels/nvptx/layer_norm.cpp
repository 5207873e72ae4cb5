// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layer norm: out = (x - mean) / sqrt(mean((x - mean)^2) + eps) * w + bias. A block takes a token.
//
// Operands: x [T, x_stride] from column x_offset on, w [H], bias f32 [H], out [T, H]. The order of both sums is that of
// norm.h.

#include "kernels/nvptx/norm.h"

namespace fathom::nv {

template <class Weight>
struct LayerNorm : layer_norm_op {
  static FATHOM_INLINE float mean_of(const Row &x) {
    float total = 0.0f;
    for_each_chunk(x.width, [&](int64_t i) FATHOM_INLINED {
      Chunk value;
      x.load(i, value);
      FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { total = total + value[j]; }
    });
    return sum_of_block(total, threads_of(x.width)) / static_cast<float>(x.width);
  }

  /// x - mean, and 0 behind the last.
  static FATHOM_INLINE void load_centered(const Row &x, float mean, int64_t i, Chunk &to) {
    x.load(i, to);
    FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { to[j] = x.whole || i + j < x.width ? to[j] - mean : 0.0f; }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Row x(numbers(dispatch, 0, c[x_element]), row, c[x_stride], c[x_offset], c[H]);
      Row weight(numbers(dispatch, 1, Weight::kElement), 0, c[H]);
      Row bias(numbers(dispatch, 2, FATHOM_ROW_F32), 0, c[H]);
      Row out(numbers(dispatch, 3, c[out_element]), row, c[H]);
      float mean = mean_of(x);
      float factor =
          inverse_rms(c[H], real(c[eps]), [&](int64_t i, Chunk &to) FATHOM_INLINED { load_centered(x, mean, i, to); });
      for_each_chunk(c[H], [&](int64_t i) FATHOM_INLINED {
        Chunk value, scale, shift;
        load_centered(x, mean, i, value);
        weight.load(i, scale);
        bias.load(i, shift);
        FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { value[j] = value[j] * factor * scale[j] + shift[j]; }
        out.store(i, value);
      });
    });
  }
};

FATHOM_DEFINE_KERNEL(LayerNorm<Weight>)

} // namespace fathom::nv

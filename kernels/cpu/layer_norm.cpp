// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layer norm: out = (x - mean) / sqrt(mean((x - mean)^2) + eps) * w + bias. A token is an item.
//
// Operands: x [T, x_stride] from column x_offset on, w [H], bias f32 [H], out [T, H]. Both sums are taken in sixteen
// lanes, then in a fixed tree.

#include "kernels/cpu/norm.h"

namespace fathom::cpu {

template <class Weight>
struct LayerNorm : RowItems<layer_norm_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    Activation x = activation(dispatch, 0, c[x_element]) + item * c[x_stride] + c[x_offset];
    auto *weight = operand<const typename Weight::Stored>(dispatch, 1);
    auto *bias = operand<const float>(dispatch, 2);
    Activation out = activation(dispatch, 3, c[out_element]) + item * c[H];
    float *centered = working_memory(out, scratch);
    float mean = mean_of(x, c[H]);
    for (int64_t i = 0; i < c[H]; ++i) {
      centered[i] = x[i] - mean;
    }
    float factor = inverse_rms(centered, c[H], real(c[eps]));
    int64_t i = 0;
    for (; i + kLanes <= c[H]; i += kLanes) {
      store(out + i, load(centered + i) * factor * Weight::template decode<16>(weight + i) + load(bias + i));
    }
    for (; i < c[H]; ++i) {
      out[i] = centered[i] * factor * Weight::template decode<1>(weight + i)[0] + bias[i];
    }
  }

private:
  static FATHOM_INLINE float mean_of(const Activation &x, int64_t count) {
    f32x16 total = 0.0f;
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      total = total + load(x + i);
    }
    if (i < count) {
      total = total + load_part(x + i, count - i);
    }
    return sum(total) / static_cast<float>(count);
  }
};

FATHOM_DEFINE_KERNEL(LayerNorm<Weight>)

} // namespace fathom::cpu

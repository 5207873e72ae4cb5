// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Walsh-Hadamard transform of each head: out = H_d * x / sqrt(d), H_d in Sylvester's order, which is its own
// inverse. A token is an item.
//
// Operands: x [T, H, d], out [T, H, d], d a power of two. Butterflies of distance 1, 2, 4, … add and subtract, so an
// output is a tree over d numbers; the factor comes last.

#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

struct Hadamard : RowItems<hadamard_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t width = c[H] * c[d];
    Activation x = activation(dispatch, 0, c[x_element]) + item * width;
    Activation out = activation(dispatch, 1, c[x_element]) + item * width;
    float *sums = working_memory(out, scratch);
    copy_numbers(x, width, sums);
    // A distance below d never pairs numbers of two heads.
    for (int64_t distance = 1; distance < c[d]; distance *= 2) {
      combine(sums, width, distance);
    }
    scale_numbers(sums, width, 1.0f / __builtin_elementwise_sqrt(static_cast<float>(c[d])), out);
  }

private:
  static FATHOM_INLINE void combine(float *x, int64_t count, int64_t distance) {
    for (int64_t first = 0; first < count; first += 2 * distance) {
      for (int64_t i = first; i < first + distance; ++i) {
        float a = x[i], b = x[i + distance];
        x[i] = a + b;
        x[i + distance] = a - b;
      }
    }
  }
};

FATHOM_DEFINE_KERNEL(Hadamard)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Walsh-Hadamard transform of each head: out = H_d * x / sqrt(d), H_d in Sylvester's order, which is its own
// inverse. A block takes a token.
//
// Operands: x [T, H, d], out [T, H, d], d a power of two. Butterflies of distance 1, 2, 4, … add and subtract, so an
// output is a tree over d numbers; the factor comes last.

#include "kernels/nvptx/kernel.h"

namespace fathom::nv {

struct Hadamard : hadamard_op {
  /// A distance below d never pairs numbers of two heads.
  static FATHOM_INLINE void combine(float *sums, int64_t pairs, int64_t distance) {
    for (int64_t pair = thread(); pair < pairs; pair += kThreads) {
      int64_t first = pair / distance * 2 * distance + pair % distance;
      float a = sums[first], b = sums[first + distance];
      sums[first] = a + b;
      sums[first + distance] = a - b;
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t width = c[H] * c[d];
    float factor = 1.0f / __builtin_elementwise_sqrt(static_cast<float>(c[d]));
    auto *sums = shared<float>();
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Numbers x = numbers(dispatch, 0, c[x_element]) + row * width;
      Numbers out = numbers(dispatch, 1, c[x_element]) + row * width;
      // Each thread writes what it alone has read of the last row.
      for (int64_t i = thread(); i < width; i += kThreads) {
        sums[i] = x[i];
      }
      for (int64_t distance = 1; distance < c[d]; distance *= 2) {
        barrier();
        combine(sums, width / 2, distance);
      }
      barrier();
      for (int64_t i = thread(); i < width; i += kThreads) {
        out.set(i, sums[i] * factor);
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(Hadamard)

} // namespace fathom::nv

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adds the parts of a row's attention, in ascending order, as attention does that is not cut (attending.h). A block
// takes a head of a row.
//
// Operands: partials f32 [T, parts, H * (d + 2)] (partials.h), out [T, H, d].

#include "kernels/nvptx/partials.h"

namespace fathom::nv {

struct AttentionCombine : attention_combine_op {
  static constexpr int kAtOnce = 8; ///< parts whose memory is read before the first is used

  /// Number `i` of the result of a head.
  static FATHOM_INLINE float combine(float *partials, const int64_t *c, int64_t head, int64_t i) {
    PartSums sums;
    float result = 0.0f;
    bool more = true; // parts without keys are the last
    for (int64_t first = 0; more && first < c[parts]; first += kAtOnce) {
      PartSums next[kAtOnce];
      float values[kAtOnce];
      FATHOM_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        next[j] = {0.0f, 0.0f};
        if (first + j < c[parts]) {
          next[j] = Partial(partials, c[H], c[d], first + j).sums(head);
        }
      }
      FATHOM_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        more = next[j].total != 0.0f;
        values[j] = more ? Partial(partials, c[H], c[d], first + j).value(head, i) : 0.0f;
      }
      FATHOM_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        if (next[j].total != 0.0f) {
          result = PartSums::add(result, values[j], sums.add(next[j]));
        }
      }
    }
    return result * (1.0f / sums.total);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows * c[H], [&](int64_t unit) FATHOM_INLINED {
      float *partials = operand<float>(dispatch, 0) + unit / c[H] * c[parts] * Partial::size(c[H], c[d]);
      Numbers out = numbers(dispatch, 1, c[x_element]) + unit * c[d];
      for (int64_t i = thread(); i < c[d]; i += combine_threads(c[d])) {
        out.set(i, combine(partials, c, unit % c[H], i));
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(AttentionCombine)

} // namespace fathom::nv

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over cached keys and values: each H / G heads share one of both. A block takes kHeads heads
// of a group, of a row, and all of its keys or, for attention_combine, a part of them.
//
// Operands: q [T, H, d] (rotated), out [T, H, d] or partials f32 [T, parts, H * (d + 2)] (partials.h). Both stores have
// a row of d numbers for each group. What is added up in which order say attending.h and, where all is narrow,
// matrix_attending.h.

#include "kernels/nvptx/partials.h"

namespace fathom::nv {

template <class C>
struct GqaAttention {
  static constexpr bool kInParts = __is_same(C, gqa_partials_op);

  static FATHOM_INLINE int64_t parts(const int64_t *c) {
    if constexpr (kInParts) {
      return c[C::parts];
    }
    return 1;
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t of_group = c[C::H] / c[C::G], blocks = ceil_div(of_group, kHeads), of_row = c[C::G] * blocks * parts(c);
    RowFormat keys(c[C::key_element], c[C::d]), values(c[C::value_element], c[C::d]);
    for_each_unit(dispatch->rows * of_row, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / of_row, group = unit / blocks % c[C::G], of_heads = unit % blocks * kHeads;
      int64_t first = group * of_group + of_heads, at = (row * c[C::H] + first) * c[C::d];
      AllKeys all = {dispatch, row, c[C::key_store], keys, c[C::value_store], values, c[C::G], group};
      AttendingShape shape = {smaller(kHeads, of_group - of_heads), c[C::d], c[C::d], /*shared=*/false,
                              real(c[C::scale])};
      AttendingHeads heads = {shape, first, numbers(dispatch, 0, c[C::x_element]) + at, c[C::x_element]};
      if constexpr (kInParts) {
        int64_t part = unit % of_row / (c[C::G] * blocks);
        Partial out(operand<float>(dispatch, 1), c[C::H], c[C::d], row * parts(c) + part);
        attend_to_part(heads, all, part, parts(c), out);
      } else {
        attend_whole(heads, all, c[C::H], numbers(dispatch, 1, c[C::x_element]) + at);
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(GqaAttention<InstanceConstants>)

} // namespace fathom::nv

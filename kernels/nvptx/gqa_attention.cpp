// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over cached keys and values: each H / G heads share one of both. A block takes kHeads heads
// of a group, of a row.
//
// Operands: q [T, H, d] (rotated), out [T, H, d]. Both stores have a row of d numbers for each group. What is added up
// in which order say attending.h and, where all is narrow, matrix_attending.h.

#include "kernels/nvptx/matrix_attending.h"

namespace fathom::nv {

struct GqaAttention : gqa_attention_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t of_group = c[H] / c[G], parts = ceil_div(of_group, kHeads);
    RowFormat keys(c[key_element], c[d]), values(c[value_element], c[d]);
    for_each_unit(dispatch->rows * c[G] * parts, [&](int64_t unit) FATHOM_INLINED {
      int64_t part = unit % parts * kHeads, group = unit / parts % c[G], row = unit / parts / c[G];
      int64_t first = (row * c[H] + group * of_group + part) * c[d];
      Numbers q = numbers(dispatch, 0, c[x_element]) + first, out = numbers(dispatch, 1, c[x_element]) + first;
      AllKeys all = {dispatch, row, c[key_store], keys, c[value_store], values, c[G], group};
      AttendingShape shape = {smaller(kHeads, of_group - part), c[d], c[d], /*shared=*/false, real(c[scale])};
      with_attending(shape, all, c[x_element], [&](auto &heads) FATHOM_INLINED {
        heads.load_queries([&](int64_t head, int64_t i) FATHOM_INLINED { return q[head * c[d] + i]; });
        heads.attend();
        heads.finish([&](int64_t head, int64_t i, float value) FATHOM_INLINED { out.set(head * c[d] + i, value); });
      });
      barrier();
    });
  }
};

FATHOM_DEFINE_KERNEL(GqaAttention)

} // namespace fathom::nv

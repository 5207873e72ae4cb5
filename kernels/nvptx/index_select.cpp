// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which keys a row attends to: of all up to its position the k with the largest scores (index_search.h). A block takes
// a row.
//
// Operands: q [T, H, d] (rotated), w f32 [T, w_stride] from column w_offset on, out i32 [T, k]: positions, ascending,
// -1 behind the last. A row that sees no more than k keys needs no scores: all are selected.

#include "kernels/nvptx/index_search.h"

namespace fathom::nv {

struct IndexSelect : index_select_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      int32_t *out = operand<int32_t>(dispatch, 2) + row * c[k];
      int64_t visible = dispatch->positions[row] + 1;
      if (visible <= c[k]) {
        for (int64_t j = thread(); j < c[k]; j += kThreads) {
          out[j] = j < visible ? static_cast<int32_t>(j) : -1;
        }
        return;
      }
      IndexQuery query = {dispatch,
                          row,
                          numbers(dispatch, 0, c[x_element]) + row * c[H] * c[d],
                          operand<const float>(dispatch, 1) + row * c[w_stride] + c[w_offset],
                          c[H],
                          c[d],
                          c[index_store],
                          RowFormat(c[index_element], c[d])};
      Candidates best(query.candidates(), c[k]);
      query.search(0, visible, best);
      best.keep();
      best.store_positions(out);
    });
  }
};

FATHOM_DEFINE_KERNEL(IndexSelect)

} // namespace fathom::nv

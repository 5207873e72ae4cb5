// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Half of index_select, for few rows of long contexts: a row's context is cut into parts of whole blocks of 64 keys
// that differ by one block at most, and each part's k best are candidates for index_merge. There are so few parts that
// half of the keys at most are candidates, or one part, and those behind the last are empty. A block takes a part of a
// row.
//
// Operands: q, w and store as in index_select.cpp, scores f32 [T, parts, k] and ids i32 [T, parts, k]: the candidates
// of each part in ascending order of position, then 0 and -1; bounds f32 [T, parts]: 0, since scores are exact. A row
// that sees no more than k keys needs no scores: all are candidates, with a score of 0.

#include "kernels/nvptx/index_search.h"

namespace fathom::nv {

struct IndexCandidates : index_candidates_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each_unit(dispatch->rows * c[parts], [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / c[parts], part = unit % c[parts];
      int64_t visible = dispatch->positions[row] + 1, blocks = ceil_div(visible, kIndexKeys);
      int64_t used = used_parts(visible, c[k], c[parts]);
      int64_t begin = blocks * smaller(part, used) / used * kIndexKeys;
      int64_t end = smaller(blocks * smaller(part + 1, used) / used * kIndexKeys, visible);
      IndexQuery query = {dispatch,
                          row,
                          numbers(dispatch, 0, c[x_element]) + row * c[H] * c[d],
                          operand<const float>(dispatch, 1) + row * c[w_stride] + c[w_offset],
                          c[H],
                          c[d],
                          c[index_store],
                          RowFormat(c[index_element], c[d])};
      Candidates best(query.candidates(), c[k]);
      if (visible > c[k]) {
        query.search(begin, end, best);
      } else {
        for (int64_t first = begin; first < end; first += kIndexKeys) {
          best.add_all(thread() < kIndexKeys && first + thread() < end, 0.0f, first + thread());
        }
      }
      best.keep();
      best.store_scores(operand<float>(dispatch, 2) + unit * c[k]);
      best.store_positions(operand<int32_t>(dispatch, 3) + unit * c[k]);
      if (thread() == 0) {
        operand<float>(dispatch, 4)[unit] = 0.0f;
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(IndexCandidates)

} // namespace fathom::nv

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which keys a row attends to: the k best by the index, or all where there are no more.
//
// Operands: q [T, H, d] (rotated), w [T, w_stride] from column w_offset on, a weight for each of H heads, out i32
// [T, k]: positions, ascending, -1 behind the last. The store has a key of d numbers for each position. An item is a
// row. Scores and their order see indexing.h and candidates.h.

#include "kernels/cpu/index_search.h"

namespace fathom::cpu {

template <class Tile>
struct IndexSelect : RowItems<index_select_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    IndexScratch<float *> memory(static_cast<float *>(scratch), c[H], c[d], c[x_element], searched_candidates(c[k]));
    int64_t visible = dispatch->positions[item] + 1;
    int32_t *out = operand<int32_t>(dispatch, 2) + item * c[k];
    if (visible <= c[k]) {
      for (int64_t j = 0; j < c[k]; ++j) {
        out[j] = j < visible ? static_cast<int32_t>(j) : -1;
      }
      return;
    }
    IndexQuery query = {
        read_numbers(activation(dispatch, 0, c[x_element]) + item * c[H] * c[d], c[H] * c[d], memory.query),
        operand<const float>(dispatch, 1) + item * c[w_stride] + c[w_offset], c[H], c[d]};
    IndexKeys keys = {dispatch, item, c[index_store], row_format(c[index_element], c[d]), 0, visible};
    Candidates best(memory.candidates(), c[k]);
    IndexSearch<Tile>::search(query, keys, memory, best);
    best.store_positions(out);
  }
};

FATHOM_DEFINE_KERNEL(IndexSelect<Tile>)

} // namespace fathom::cpu

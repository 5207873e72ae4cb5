// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The other half of index_select: the k best candidates of all parts of a row.
//
// Operands: scores f32 [T, parts, k], ids i32 [T, parts, k] and bounds f32 [T, parts] as index_candidates leaves them,
// q, w and store as it has them, out i32 [T, k]: positions, ascending, -1 behind the last. An item is a row. Parts
// behind those in use, which are empty, are not read.

#include "kernels/cpu/index_search.h"

namespace fathom::cpu {

template <class Tile>
struct IndexMerge : RowItems<index_merge_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t most = c[parts] * c[k], used = used_parts(dispatch->positions[item] + 1, c[k], c[parts]);
    const float *scores = operand<const float>(dispatch, 0) + item * most;
    const int32_t *ids = operand<const int32_t>(dispatch, 1) + item * most;
    const float *bounds = operand<const float>(dispatch, 2) + item * c[parts];
    IndexScratch<float *> memory(static_cast<float *>(scratch), c[H], c[d], c[x_element], most);
    Candidates best(memory.candidates(), c[k]);
    float bound = 0.0f;
    for (int64_t part = 0; part < used; ++part) {
      bound = bound < bounds[part] ? bounds[part] : bound;
    }
    for (int64_t j = 0; j < used * c[k]; ++j) {
      if (ids[j] >= 0) {
        best.add(scores[j], ids[j]);
      }
    }
    IndexQuery query = {
        read_numbers(activation(dispatch, 3, c[x_element]) + item * c[H] * c[d], c[H] * c[d], memory.query),
        operand<const float>(dispatch, 4) + item * c[w_stride] + c[w_offset], c[H], c[d]};
    IndexKeys keys = {dispatch, item, c[index_store], row_format(c[index_element], c[d]), 0, 0};
    IndexSearch<Tile>::decide(query, keys, memory, best, bound);
    best.store_positions(operand<int32_t>(dispatch, 5) + item * c[k]);
  }
};

FATHOM_DEFINE_KERNEL(IndexMerge<Tile>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Half of index_select, for few rows of long contexts: a row's context is cut into parts of whole blocks that differ by
// one block at most, and each part's k best are candidates for index_merge. There are so few parts that half of the
// keys at most are candidates, or one part, and those behind the last are empty. Selection is exact, so the parts
// change no bit of what comes out.
//
// Operands: q, w and store as in index_select.cpp, scores f32 [T, parts, k] and ids i32 [T, parts, k]: the candidates
// of each part in ascending order of position, then 0 and -1; bounds f32 [T, parts]: how far a part's scores may be
// off. An item is a part of a row. A row that sees no more than k keys needs no scores: all are candidates, with a
// score of 0.

#include "kernels/cpu/index_search.h"

namespace fathom::cpu {

template <class Tile>
struct IndexCandidates : index_candidates_constants {
  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) { return rows * c[parts]; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    IndexScratch<float *> memory(static_cast<float *>(scratch), c[H], c[d], c[x_element], searched_candidates(c[k]));
    int64_t row = item / c[parts], part = item % c[parts];
    int64_t visible = dispatch->positions[row] + 1, blocks = ceil_div(visible, kKeys);
    int64_t used = used_parts(visible, c[k], c[parts]);
    int64_t begin = blocks * smaller(part, used) / used * kKeys;
    int64_t end = smaller(blocks * smaller(part + 1, used) / used * kKeys, visible);
    Candidates best(memory.candidates(), c[k]);
    float bound = 0.0f;
    if (visible <= c[k]) {
      for (int64_t position = begin; position < end; ++position) {
        best.add(0.0f, position);
      }
    } else if (begin < end) {
      IndexQuery query = {
          read_numbers(activation(dispatch, 0, c[x_element]) + row * c[H] * c[d], c[H] * c[d], memory.query),
          operand<const float>(dispatch, 1) + row * c[w_stride] + c[w_offset], c[H], c[d]};
      IndexKeys keys = {dispatch, row, c[index_store], row_format(c[index_element], c[d]), begin, end};
      bound = IndexSearch<Tile>::search(query, keys, memory, best);
    }
    best.store_scores(operand<float>(dispatch, 2) + item * c[k]);
    best.store_positions(operand<int32_t>(dispatch, 3) + item * c[k]);
    operand<float>(dispatch, 4)[item] = bound;
  }
};

FATHOM_DEFINE_KERNEL(IndexCandidates<Tile>)

} // namespace fathom::cpu

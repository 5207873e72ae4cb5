// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over cached keys and values: each H / G heads share one of both.
//
// Operands: q [T, H, d] (rotated), out [T, H, d]. Rows of the stores are G keys and G values of d numbers each. An
// item is a group of heads for one row, or for eight rows where there are many: then a block of keys is read from
// memory once for all of them. Keys 0..position of a row's sequence, in blocks of 64 that start at multiples of 64.

#include "kernels/cpu/attending.h"

namespace fathom::cpu {

template <class Tile>
struct GqaAttention : gqa_attention_constants {
  using Heads = Attending<Tile>;

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return ceil_div(rows, attended_rows(rows)) * c[G];
  }

  static FATHOM_INLINE void attend_block(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t row,
                                         int64_t group, int64_t b, AttendingHead *state) {
    int64_t heads = c[H] / c[G], width = c[G] * c[d], first = (row * c[H] + group * heads) * c[d];
    const float *keys = cache_row(dispatch, row, b * kKeys, c[key_store], width) + group * c[d];
    const float *values = cache_row(dispatch, row, b * kKeys, c[value_store], width) + group * c[d];
    int64_t count = smaller(kKeys, dispatch->positions[row] + 1 - b * kKeys);
    Heads::score_block(operand<const float>(dispatch, 0) + first, heads, keys, count, width, c[d], state);
    Heads::weigh(state, heads, count, real(c[scale]));
    Heads::value_block(state, heads, values, count, width, c[d], operand<float>(dispatch, 1) + first);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t most = attended_rows(dispatch->rows), heads = c[H] / c[G], group = item % c[G];
    int64_t from = item / c[G] * most, rows = smaller(most, dispatch->rows - from);
    auto *state = static_cast<AttendingHead *>(scratch);
    float *out = operand<float>(dispatch, 1) + (from * c[H] + group * heads) * c[d];
    int64_t last = 0;
    for (int64_t t = 0; t < rows; ++t) {
      Heads::begin(state + t * heads, heads, c[d], out + t * c[H] * c[d]);
      last = dispatch->positions[from + t] > last ? dispatch->positions[from + t] : last;
    }
    for (int64_t b = 0; b * kKeys <= last; ++b) {
      for (int64_t t = 0; t < rows; ++t) {
        if (b * kKeys <= dispatch->positions[from + t]) {
          attend_block(dispatch, c, from + t, group, b, state + t * heads);
        }
      }
    }
    for (int64_t t = 0; t < rows; ++t) {
      Heads::finish(state + t * heads, heads, c[d], out + t * c[H] * c[d]);
    }
  }
};

FATHOM_DEFINE_KERNEL(GqaAttention<Tile>)

} // namespace fathom::cpu

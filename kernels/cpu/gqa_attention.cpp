// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over cached keys and values: each H / G heads share one of both.
//
// Operands: q [T, H, d] (rotated), out [T, H, d]. Both stores have a row of d numbers for each group. An item is a
// group of heads for one row, or for eight rows where there are many.

#include "kernels/cpu/attending.h"

namespace fathom::cpu {

template <class Tile>
struct GqaAttention : gqa_attention_constants {
  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return ceil_div(rows, attended_rows(rows)) * c[G];
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t most = attended_rows(dispatch->rows), from = item / c[G] * most, group = item % c[G], heads = c[H] / c[G];
    auto *decoded = static_cast<float *>(scratch) + floats<AttendingHead>(most * heads);
    float *numbers = decoded + attended_size(c[key_element], c[value_element], c[d]);
    CachedRows keys = {c[key_store], row_format(c[key_element], c[d])};
    CachedRows values = {c[value_store], row_format(c[value_element], c[d])};
    SharedKeys shared = {1,     c[H], group * heads,  heads,   keys,         values, c[G],
                         group, c[d], real(c[scale]), decoded, c[x_element], numbers};
    Attending<Tile, AllKeys>::attend(dispatch, shared, {}, from, smaller(most, dispatch->rows - from), scratch);
  }
};

FATHOM_DEFINE_KERNEL(GqaAttention<Tile>)

} // namespace fathom::cpu

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r
// columns of a key are its value.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), out [T, H, r]. An item is a row and `heads_per_item` heads.

#include "kernels/cpu/attending.h"

namespace fathom::cpu {

template <class Tile>
struct MlaLatentAttention : mla_latent_attention_constants {
  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return rows * ceil_div(c[H], c[heads_per_item]);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t of_row = ceil_div(c[H], c[heads_per_item]), first = item % of_row * c[heads_per_item];
    int64_t heads = smaller(c[heads_per_item], c[H] - first), store = c[latent_store];
    SharedKeys shared = {c[H], first, heads, store, store, 1, 0, c[r] + c[dr], c[r], real(c[scale])};
    Attending<Tile>::attend(dispatch, shared, item / of_row, 1, scratch);
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<Tile>)

} // namespace fathom::cpu

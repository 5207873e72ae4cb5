// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r
// columns of a key are its value.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), out [T, H, r]. An item is a row and `heads_per_item` heads.
// Keys 0..position of the row's sequence, in blocks of 64 that start at multiples of 64.

#include "kernels/cpu/attending.h"

namespace fathom::cpu {

template <class Tile>
struct MlaLatentAttention : mla_latent_attention_constants {
  using Heads = Attending<Tile>;

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return rows * ceil_div(c[H], c[heads_per_item]);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t groups = ceil_div(c[H], c[heads_per_item]);
    int64_t row = item / groups, first = item % groups * c[heads_per_item];
    int64_t heads = smaller(c[heads_per_item], c[H] - first);
    int64_t width = c[r] + c[dr];
    const float *q = operand<const float>(dispatch, 0) + (row * c[H] + first) * width;
    float *out = operand<float>(dispatch, 1) + (row * c[H] + first) * c[r];
    auto *state = static_cast<AttendingHead *>(scratch);
    Heads::begin(state, heads, c[r], out);
    int64_t position = dispatch->positions[row];
    for (int64_t b = 0; b * kKeys <= position; ++b) {
      const float *block = cache_row(dispatch, row, b * kKeys, c[latent_store], width);
      int64_t keys = smaller(kKeys, position + 1 - b * kKeys);
      Heads::score_block(q, heads, block, keys, width, width, state);
      Heads::weigh(state, heads, keys, real(c[scale]));
      Heads::value_block(state, heads, block, keys, width, c[r], out);
    }
    Heads::finish(state, heads, c[r], out);
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<Tile>)

} // namespace fathom::cpu

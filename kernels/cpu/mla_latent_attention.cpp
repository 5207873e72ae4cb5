// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r
// columns of a key are its value. Of all keys up to a row's position, or of those that a selection has for the row.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), selection i32 [T, k] (mla_selected_attention only: positions of the
// row's sequence, ascending, at least one, -1 behind the last), out [T, H, r]. An item is a row and `heads_per_item`
// heads.

#include "kernels/cpu/attending.h"

namespace fathom::cpu {

template <class Tile, class Constants = mla_latent_attention_constants>
struct MlaLatentAttention {
  using C = Constants;
  static constexpr bool kSelected = __is_same(Constants, mla_selected_attention_constants);

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t *c) {
    return rows * ceil_div(c[C::H], c[C::heads_per_item]);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t of_row = ceil_div(c[C::H], c[C::heads_per_item]), first = item % of_row * c[C::heads_per_item];
    int64_t heads = smaller(c[C::heads_per_item], c[C::H] - first), latent = c[C::r];
    auto *decoded = static_cast<float *>(scratch) + floats<AttendingHead>(c[C::heads_per_item]);
    float *numbers = decoded + attended_size(c[C::latent_element], latent + c[C::dr]);
    CachedRows rows = {c[C::latent_store], row_format(c[C::latent_element], latent + c[C::dr], c[C::dr])};
    SharedKeys shared = {kSelected ? 2 : 1, c[C::H], first,           heads,  rows, rows, 1, 0, latent,
                         real(c[C::scale]), decoded, c[C::x_element], numbers};
    if constexpr (kSelected) {
      SelectedKeys keys = {operand<const int32_t>(dispatch, 1), c[C::k]};
      Attending<Tile, SelectedKeys>::attend(dispatch, shared, keys, item / of_row, 1, scratch);
    } else {
      Attending<Tile, AllKeys>::attend(dispatch, shared, {}, item / of_row, 1, scratch);
    }
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<Tile, InstanceConstants>)

} // namespace fathom::cpu

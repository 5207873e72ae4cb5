// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r columns of a
// key are its value. Of all keys up to a row's position, or of those that a selection has for the row. A block takes
// kHeads heads of a row.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), selection i32 [T, k] (mla_selected_attention only: positions of the
// row's sequence, ascending, at least one, -1 behind the last), out [T, H, r]. What is added up in which order say
// attending.h and, where all is narrow, matrix_attending.h.

#include "kernels/nvptx/matrix_attending.h"

namespace fathom::nv {

/// A row attends to the positions that a selection has for it.
struct SelectedKeys : AllKeys {
  const int32_t *selection;
  int64_t k;

  /// Where the padding begins, by halving.
  FATHOM_INLINE int64_t count() const {
    int64_t begin = 0, end = k;
    while (begin < end) {
      int64_t middle = (begin + end) / 2;
      bool used = selection[middle] >= 0;
      begin = used ? middle + 1 : begin;
      end = used ? end : middle;
    }
    return begin;
  }
  FATHOM_INLINE CachedRow key(int64_t j) const { return AllKeys::key(selection[j]); }
  FATHOM_INLINE CachedRow value(int64_t j) const { return AllKeys::value(selection[j]); }
};

template <class C>
struct MlaLatentAttention {
  static constexpr bool kSelected = __is_same(C, mla_selected_attention_op);

  template <class Keys>
  static FATHOM_INLINE void attend(const fathom_dispatch_t *dispatch, const int64_t *c, const Keys &keys,
                                   int64_t first) {
    int64_t width = c[C::r] + c[C::dr];
    Numbers q = numbers(dispatch, 0, c[C::x_element]) + (keys.row * c[C::H] + first) * width;
    Numbers out = numbers(dispatch, kSelected ? 2 : 1, c[C::x_element]) + (keys.row * c[C::H] + first) * c[C::r];
    AttendingShape shape = {smaller(kHeads, c[C::H] - first), width, c[C::r], /*shared=*/true, real(c[C::scale])};
    with_attending(shape, keys, c[C::x_element], [&](auto &heads) FATHOM_INLINED {
      heads.load_queries([&](int64_t head, int64_t i) FATHOM_INLINED { return q[head * width + i]; });
      heads.attend();
      heads.finish([&](int64_t head, int64_t i, float value) FATHOM_INLINED { out.set(head * c[C::r] + i, value); });
    });
    barrier();
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    int64_t parts = ceil_div(c[C::H], kHeads);
    RowFormat format(c[C::latent_element], c[C::r] + c[C::dr], c[C::dr]);
    for_each_unit(dispatch->rows * parts, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / parts, first = unit % parts * kHeads;
      AllKeys all = {dispatch, row, c[C::latent_store], format, c[C::latent_store], format};
      if constexpr (kSelected) {
        SelectedKeys keys = {all, operand<const int32_t>(dispatch, 1) + row * c[C::k], c[C::k]};
        attend(dispatch, c, keys, first);
      } else {
        attend(dispatch, c, all, first);
      }
    });
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<InstanceConstants>)

} // namespace fathom::nv

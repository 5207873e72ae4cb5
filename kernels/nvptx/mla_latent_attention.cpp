// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, with absorbed queries: every head reads the same keys, and the first r columns of a
// key are its value. Of all keys up to a row's position, or of those that a selection has for the row. A block takes
// some heads of a row and all of its keys or, for attention_combine, a part of them.
//
// Operands: q [T, H, r + dr] (absorbed, rotated), selection i32 [T, k] (mla_selected_* only: positions of the row's
// sequence, ascending, at least one, -1 behind the last), out [T, H, r] or partials f32 [T, parts, H * (r + 2)]
// (partials.h). What is added up in which order say attending.h and, where all is narrow, matrix_attending.h, on sm_90a
// warpgroup_attending.h.

#include "kernels/nvptx/warpgroup_attending.h"

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
  static constexpr bool kInParts = __is_same(C, mla_latent_partials_op) || __is_same(C, mla_selected_partials_op);
  static constexpr bool kSelected = __is_same(C, mla_selected_attention_op) || __is_same(C, mla_selected_partials_op);
  static constexpr int kOut = kSelected ? 2 : 1;

  static FATHOM_INLINE int64_t parts(const int64_t *c) {
    if constexpr (kInParts) {
      return c[C::parts];
    }
    return 1;
  }

  static FATHOM_INLINE int64_t width(const int64_t *c) { return c[C::r] + c[C::dr]; }

  /// Some heads of a row, and a part of its keys.
  struct Unit {
    int64_t row, first, heads, part;
  };
  /// use(unit, keys) for those of this block, of so many heads each.
  template <class Use>
  static FATHOM_INLINE void for_each(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t heads,
                                     const Use &use) {
    int64_t blocks = ceil_div(c[C::H], heads), of_row = blocks * parts(c);
    RowFormat format(c[C::latent_element], width(c), c[C::dr]);
    for_each_unit(dispatch->rows * of_row, [&](int64_t i) FATHOM_INLINED {
      int64_t row = i / of_row, first = i % blocks * heads;
      Unit unit = {row, first, smaller(heads, c[C::H] - first), i % of_row / blocks};
      AllKeys all = {dispatch, row, c[C::latent_store], format, c[C::latent_store], format};
      if constexpr (kSelected) {
        use(unit, SelectedKeys{all, operand<const int32_t>(dispatch, 1) + row * c[C::k], c[C::k]});
      } else {
        use(unit, all);
      }
    });
  }

  static FATHOM_INLINE AttendingHeads heads_of(const fathom_dispatch_t *dispatch, const int64_t *c, const Unit &unit) {
    AttendingShape shape = {unit.heads, width(c), c[C::r], /*shared=*/true, real(c[C::scale])};
    int64_t head = unit.row * c[C::H] + unit.first;
    return {shape, unit.first, numbers(dispatch, 0, c[C::x_element]) + head * width(c), c[C::x_element]};
  }
  static FATHOM_INLINE Numbers out_of(const fathom_dispatch_t *dispatch, const int64_t *c, const Unit &unit) {
    return numbers(dispatch, kOut, c[C::x_element]) + (unit.row * c[C::H] + unit.first) * c[C::r];
  }
  static FATHOM_INLINE Partial partial_of(const fathom_dispatch_t *dispatch, const int64_t *c, const Unit &unit) {
    return Partial(operand<float>(dispatch, kOut), c[C::H], c[C::r], unit.row * parts(c) + unit.part);
  }

  /// run(tile unit, keys, out) for the units of this block.
  template <class Run>
  static FATHOM_INLINE void for_each_tile_unit(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t heads,
                                               const Run &run) {
    for_each(dispatch, c, heads, [&](const Unit &unit, const auto &keys) FATHOM_INLINED {
      int64_t count = keys.count();
      if constexpr (kInParts) {
        int64_t size = part_keys(count, parts(c)), begin = unit.part * size;
        run(TileUnit{heads_of(dispatch, c, unit), begin, smaller(begin + size, count), size}, keys,
            partial_of(dispatch, c, unit));
      } else {
        Numbers out = out_of(dispatch, c, unit);
        run(TileUnit{heads_of(dispatch, c, unit), 0, count, part_keys(count, most_parts(c[C::H]))}, keys,
            [&](int64_t head, int64_t i, float value) FATHOM_INLINED { out.set(head * c[C::r] + i, value); });
      }
    });
  }

  template <int Heads>
  static FATHOM_INLINE void attend_by_warpgroups(const fathom_dispatch_t *dispatch, const int64_t *c) {
    TileMemory memory(width(c));
    memory.begin_barriers();
    int warp = shuffle(nv::warp(), 0); // which the compiler then knows to be that of all lanes
    if (warp >= kMultipliers / kWarp) {
      give_registers<kRegistersToFetch>();
      TileFetching fetching = {memory, width(c)};
      for_each_tile_unit(dispatch, c, Heads, [&](const TileUnit &unit, const auto &keys, const auto &) FATHOM_INLINED {
        fetching.run(unit, keys);
      });
    } else {
      take_registers<kRegistersToMultiply>();
      TileAttending<Heads, !kInParts> attending(memory, width(c), c[C::r], warp);
      for_each_tile_unit(dispatch, c, Heads, [&](const TileUnit &unit, const auto &, const auto &out) FATHOM_INLINED {
        attending.run(unit, out);
      });
    }
  }

  static FATHOM_INLINE void attend_by_warps(const fathom_dispatch_t *dispatch, const int64_t *c) {
    for_each(dispatch, c, kHeads, [&](const Unit &unit, const auto &keys) FATHOM_INLINED {
      AttendingHeads heads = heads_of(dispatch, c, unit);
      if constexpr (kInParts) {
        attend_to_part(heads, keys, unit.part, parts(c), partial_of(dispatch, c, unit));
      } else {
        attend_whole(heads, keys, c[C::H], out_of(dispatch, c, unit));
      }
    });
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    if constexpr (__is_same(Tile, Warpgroups)) {
      if (attend_by_tiles(c[C::x_element], c[C::latent_element], width(c), c[C::r])) {
        if (tile_heads(c[C::H], kInParts) == kWholeTileHeads) {
          return attend_by_warpgroups<kWholeTileHeads>(dispatch, c);
        }
        return attend_by_warpgroups<kPartTileHeads>(dispatch, c);
      }
    }
    attend_by_warps(dispatch, c);
  }
};

FATHOM_DEFINE_KERNEL(MlaLatentAttention<InstanceConstants>)

} // namespace fathom::nv

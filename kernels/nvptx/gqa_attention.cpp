// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over cached keys and values: each H / G heads share one of both. A block takes heads of a
// group: of rows that see the same keys but for the last few, as rows of a prompt do; or, for attention_combine, of one
// row, to a part of its keys.
//
// Operands: q [T, H, d] (rotated), out [T, H, d] or partials f32 [T, parts, H * (d + 2)] (partials.h). Both stores have
// a row of d numbers for each group. What is added up in which order say attending.h and, where all is narrow,
// matrix_attending.h.

#include "kernels/nvptx/partials.h"

namespace fathom::nv {

/// Rows from `first` on, up to `row`, of one sequence in ascending order, which go through the same steps of keys.
struct SharedKeys : AllKeys {
  int64_t first, of_row; ///< and heads of each

  FATHOM_INLINE int64_t seen_by(int64_t head, int64_t end) const {
    return smaller(end, dispatch->positions[smaller(first + head / of_row, row)] + 1);
  }
};

template <class C>
struct GqaAttention {
  static constexpr bool kInParts = __is_same(C, gqa_partials_op);

  const fathom_dispatch_t *dispatch;
  const int64_t *c;

  FATHOM_INLINE int64_t of_group() const { return c[C::H] / c[C::G]; }
  FATHOM_INLINE AllKeys keys(int64_t row, int64_t group) const {
    RowFormat keys(c[C::key_element], c[C::d]), values(c[C::value_element], c[C::d]);
    return {dispatch, row, c[C::key_store], keys, c[C::value_store], values, c[C::G], group};
  }
  FATHOM_INLINE AttendingShape shape(int64_t heads) const {
    return {heads, c[C::d], c[C::d], /*shared=*/false, real(c[C::scale])};
  }
  /// Of an operand, the numbers of a row from a head on.
  FATHOM_INLINE Numbers at(int operand, int64_t row, int64_t head) const {
    return numbers(dispatch, operand, c[C::x_element]) + (row * c[C::H] + head) * c[C::d];
  }

  /// Some heads of a group, of rows [first, last].
  FATHOM_INLINE void attend(int64_t first, int64_t last, int64_t group, int64_t head, int64_t heads) const {
    SharedKeys shared = {keys(last, group), first, of_group()};
    AttendingHeads all = {
        shape((last - first + 1) * heads), head, at(0, first, head), c[C::x_element], of_group(), c[C::H]};
    if (share_by_sets(c[C::x_element], c[C::key_element], c[C::value_element], c[C::d])) {
      attend_whole<kSharingSets>(all, shared, c[C::H], at(1, first, head));
    } else {
      attend_whole(all, shared, c[C::H], at(1, first, head));
    }
  }

  /// The last of the rows from `row` on, below `end`, that go through the same steps of keys.
  FATHOM_INLINE int64_t last_sharing(int64_t row, int64_t end) const {
    const int32_t *positions = dispatch->positions;
    while (row + 1 < end && dispatch->cache->tables[row + 1] == dispatch->cache->tables[row] &&
           positions[row + 1] >= positions[row] &&
           positions[row + 1] / FATHOM_PAGE_TOKENS == positions[row] / FATHOM_PAGE_TOKENS) {
      ++row;
    }
    return row;
  }

  FATHOM_INLINE void attend_to_all() const {
    int64_t most = sharing_heads(c[C::x_element], c[C::key_element], c[C::value_element], c[C::d]);
    int64_t rows = greater(most / of_group(), 1), blocks = ceil_div(of_group(), most), of_rows = c[C::G] * blocks;
    for_each_unit(ceil_div(dispatch->rows, rows) * of_rows, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / of_rows * rows, end = smaller(row + rows, dispatch->rows);
      int64_t group = unit / blocks % c[C::G], head = unit % blocks * most;
      for (int64_t last; row < end; row = last + 1) {
        last = last_sharing(row, end);
        attend(row, last, group, group * of_group() + head, smaller(most, of_group() - head));
      }
    });
  }

  FATHOM_INLINE void attend_to_parts() const {
    int64_t blocks = ceil_div(of_group(), kHeads), of_part = c[C::G] * blocks, of_row = of_part * c[C::parts];
    for_each_unit(dispatch->rows * of_row, [&](int64_t unit) FATHOM_INLINED {
      int64_t row = unit / of_row, part = unit % of_row / of_part, group = unit / blocks % c[C::G];
      int64_t of_heads = unit % blocks * kHeads, first = group * of_group() + of_heads;
      AttendingHeads heads = {shape(smaller(kHeads, of_group() - of_heads)), first, at(0, row, first), c[C::x_element]};
      Partial out(operand<float>(dispatch, 1), c[C::H], c[C::d], row * c[C::parts] + part);
      attend_to_part(heads, keys(row, group), part, c[C::parts], out);
    });
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    GqaAttention attention = {dispatch, c};
    if constexpr (kInParts) {
      attention.attend_to_parts();
    } else {
      attention.attend_to_all();
    }
  }
};

FATHOM_DEFINE_KERNEL(GqaAttention<InstanceConstants>)

} // namespace fathom::nv

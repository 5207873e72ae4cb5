// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of a block's heads as a kernel stores it: whole, or a part of a row's keys for attention_combine.
//
// Both cut a row's keys in the same places and add parts in the same order, so that their bits are the same.

#ifndef FATHOM_KERNELS_NVPTX_PARTIALS_H
#define FATHOM_KERNELS_NVPTX_PARTIALS_H

#include "kernels/nvptx/matrix_attending.h"

namespace fathom::nv {

/// Results of a part of a row's keys: of all heads the values [heads][width], which are not yet divided by the totals,
/// then the largest scores, then the totals. Those of a part without keys are 0, and its values undefined.
struct Partial {
  float *values;
  int64_t heads, width;

  FATHOM_INLINE Partial(float *partials, int64_t heads, int64_t width, int64_t part)
      : values(partials + part * size(heads, width)), heads(heads), width(width) {}
  static FATHOM_INLINE int64_t size(int64_t heads, int64_t width) { return heads * (width + 2); }

  FATHOM_INLINE float &value(int64_t head, int64_t column) const { return values[head * width + column]; }
  FATHOM_INLINE PartSums sums(int64_t head) const {
    const float *largest = values + heads * width + head;
    return {largest[0], largest[heads]};
  }
  FATHOM_INLINE void set(int64_t head, const PartSums &sums) const {
    float *largest = values + heads * width + head;
    largest[0] = sums.largest;
    largest[heads] = sums.total;
  }
};

/// Heads of a row, from head `first` on: their queries, and what a kernel's constants say of numbers. Where these are
/// of several rows, each has `of_row`, and rows are `row_heads` apart.
struct AttendingHeads {
  AttendingShape shape;
  int64_t first;
  Numbers queries;
  int64_t element;
  int64_t of_row = 1, row_heads = 0;

  /// In queries and results, from those of the first on.
  FATHOM_INLINE int64_t place(int64_t head) const {
    return row_heads == 0 ? head : head / of_row * row_heads + head % of_row;
  }
};

/// Attends to all keys: out [heads][value_width], where `all_heads` of a row attend.
template <int Sets = 1, class Keys>
FATHOM_INLINE void attend_whole(const AttendingHeads &h, const Keys &keys, int64_t all_heads, const Numbers &out) {
  with_attending<Sets>(h.shape, keys, h.element, [&](auto &heads) FATHOM_INLINED {
    heads.load_queries([&](int64_t head, int64_t i)
                           FATHOM_INLINED { return h.queries[h.place(head) * h.shape.width + i]; });
    attend_in_parts(heads, most_parts(all_heads));
    heads.finish([&](int64_t head, int64_t i, float value)
                     FATHOM_INLINED { out.set(h.place(head) * h.shape.value_width + i, value); });
  });
}

/// Attends to part `part` of the keys, of `parts` at most.
template <class Keys>
FATHOM_INLINE void attend_to_part(const AttendingHeads &h, const Keys &keys, int64_t part, int64_t parts,
                                  const Partial &out) {
  int64_t count = keys.count(), size = part_keys(count, parts), begin = part * size;
  if (begin >= count) {
    if (thread() < h.shape.heads) {
      out.set(h.first + thread(), {0.0f, 0.0f});
    }
    return;
  }
  with_attending</*Sets=*/1>(h.shape, keys, h.element, [&](auto &heads) FATHOM_INLINED {
    heads.load_queries([&](int64_t head, int64_t i) FATHOM_INLINED { return h.queries[head * h.shape.width + i]; });
    heads.attend(begin, smaller(begin + size, count));
    heads.finish_sums([&](int64_t head, const PartSums &sums) FATHOM_INLINED { out.set(h.first + head, sums); });
    heads.template finish</*Whole=*/false>([&](int64_t head, int64_t i, float value)
                                               FATHOM_INLINED { out.value(h.first + head, i) = value; });
  });
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_PARTIALS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multi-head latent attention, around the attention itself: cache append, query absorption, output expansion.
//
// kv_b [H * (dn + dv), r] has, for each head, dn rows that make keys of latents and dv rows that make values.
// It is read as a checkpoint has it; scales, if quantised, are f32 [ceil(rows/128)][ceil(r/128)] over the
// whole tensor. A rope table is f32 [positions][dr / 2][2]: cosine, sine.

#ifndef FATHOM_KERNELS_CPU_MLA_H
#define FATHOM_KERNELS_CPU_MLA_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/norm.h"

namespace fathom::cpu {

/// Rotates the pairs (x[2i], x[2i+1]) by the angles of one position.
FATHOM_INLINE void rotate(const float *x, const float *table, int64_t count, float *out) {
  for (int64_t i = 0; i + 1 < count; i += 2) {
    float a = x[i], b = x[i + 1], cosine = table[i], sine = table[i + 1];
    out[i] = a * cosine - b * sine;
    out[i + 1] = a * sine + b * cosine;
  }
}

/// The cache rows of the block of keys that holds `position` of row `row`'s sequence: f32 [64][width].
FATHOM_INLINE float *cache_block(const fathom_dispatch_t *dispatch, int64_t row, int64_t block, int64_t width) {
  return dispatch->pages[row][block] + dispatch->layer * FATHOM_PAGE_TOKENS * width;
}

/// Operands: kv [T, kv_stride] from column kv_offset on, norm weight [r], rope table. Writes the token's
/// cache row: rms_norm(kv[:r]) then rope(kv[r : r + dr]).
template <class Weight>
struct MlaAppend {
  enum Constant { FATHOM_CONSTANTS_MLA_APPEND };

  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    const float *kv = operand<const float>(dispatch, 0) + item * c[kv_stride] + c[kv_offset];
    int64_t position = dispatch->positions[item];
    int64_t width = c[r] + c[dr];
    float *to =
        cache_block(dispatch, item, position / FATHOM_PAGE_TOKENS, width) + position % FATHOM_PAGE_TOKENS * width;
    normalise_row<Weight>(kv, operand<const typename Weight::Stored>(dispatch, 1), c[r], real(c[eps]), to);
    rotate(kv + c[r], operand<const float>(dispatch, 2) + position * c[dr], c[dr], to + c[r]);
  }
};

/// Operands: q [T, H * (dn + dr)] before rope, kv_b, scale (quantised only), rope table, out [T, H, r + dr]:
/// out[:r] = q[:dn] * key rows of the head, out[r:] = rope(q[dn:]). An item is a head.
template <class Tile, class Weight>
struct MlaAbsorbQuery {
  enum Constant { FATHOM_CONSTANTS_MLA_ABSORB_QUERY };

  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) { return c[H]; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kTable = Weight::kQuantised ? 3 : 2;
    int64_t width = c[r] + c[dr], query = c[H] * (c[dn] + c[dr]);
    const float *q = operand<const float>(dispatch, 0) + item * (c[dn] + c[dr]);
    auto *table = operand<const float>(dispatch, kTable);
    float *out = operand<float>(dispatch, kTable + 1) + item * width;
    ColumnWeights<Weight> weights{operand<const typename Weight::Stored>(dispatch, 1),
                                  operand<const float>(dispatch, 2), item * (c[dn] + c[dv]), c[dn], c[r]};
    auto *memory = static_cast<MultiplyScratch *>(scratch);
    Sums sums(reinterpret_cast<float *>(memory + 1), dispatch->rows);
    int64_t all = ceil_div(c[r], kPanel);
    for (int64_t panel = 0; panel < all; panel += kGroup) {
      int64_t panels = smaller(kGroup, all - panel);
      sums.clear(panels);
      multiply<Tile>(weights, DenseRows{q, query}, panel, panels, memory, sums);
      store_sums(sums, panel, panels, Output{out, c[H] * width, c[r]});
    }
    for (int64_t row = 0; row < dispatch->rows; ++row) {
      rotate(q + row * query + c[dn], table + dispatch->positions[row] * c[dr], c[dr], out + row * c[H] * width + c[r]);
    }
  }

  static FATHOM_INLINE void store_sums(const Sums &sums, int64_t first, int64_t panels, const Output &out) {
    for (int64_t row = 0; row < sums.rows; ++row) {
      for (int64_t p = 0; p < panels; ++p) {
        int64_t column = (first + p) * kPanel;
        decode_row<F32>(sums.at(p, row), nullptr, 0, smaller(kPanel, out.columns - column),
                        out.data + row * out.stride + column);
      }
    }
  }
};

/// Operands: o [T, H, r], kv_b, scale (quantised only), out [T, H * dv] = value rows of the head * o. An item
/// is a head.
template <class Tile, class Weight>
struct MlaExpandOutput {
  enum Constant { FATHOM_CONSTANTS_MLA_EXPAND_OUTPUT };

  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) { return c[H]; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Weight::kQuantised ? 3 : 2;
    RowWeights<Weight> weights(operand<const void>(dispatch, 1), operand<const void>(dispatch, 2),
                               item * (c[dn] + c[dv]) + c[dn], c[dv], c[r], c[r]);
    DenseRows x{operand<const float>(dispatch, 0) + item * c[r], c[H] * c[r]};
    Output out{operand<float>(dispatch, kOut) + item * c[dv], c[H] * c[dv], c[dv]};
    auto *memory = static_cast<MultiplyScratch *>(scratch);
    Sums sums(reinterpret_cast<float *>(memory + 1), dispatch->rows);
    int64_t all = ceil_div(c[dv], kPanel);
    for (int64_t panel = 0; panel < all; panel += kGroup) {
      int64_t panels = smaller(kGroup, all - panel);
      sums.clear(panels);
      multiply<Tile>(weights, x, panel, panels, memory, sums);
      MlaAbsorbQuery<Tile, Weight>::store_sums(sums, panel, panels, out);
    }
  }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_MLA_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention with keys and values expanded from cached latents, for many consecutive rows of one sequence.
//
// Operands: q [T, H * (dn + dr)] before rope, kv_b (as in mla_absorb_query.cpp), scale (quantized only), rope
// table, out [T, H * dv]. An item is a head. For each block of 64 keys up to the last row's position: expand keys
// (transposed) and values, then for the rows that see the block scores, a step of the softmax, results. Every sum is
// one chain in an order given by absolute positions, so a row's bits do not depend on the rows beside it. Keys behind
// the last row's position read as 0.

#include "kernels/cpu/attention.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/mla_scratch.h"

namespace fathom::cpu {

/// Panels that the kernel has just computed: in the cache already, so that nothing is gained by code of its own for few
/// rows, which would read them fewer times.
struct ComputedPanels : PanelWeights<F32> {
  static constexpr bool kPanels = false;
  using PanelWeights::PanelWeights;
};

template <class Tile, class Weight>
struct MlaAttention : HeadItems<mla_attention_constants> {
  using Scratch = MlaAttentionScratch<float *>;
  static constexpr int kTable = Weight::kQuantized ? 3 : 2;

  /// Decodes the head's slice of kv_b.
  static FATHOM_INLINE void decode_weights(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t head,
                                           const Scratch &s) {
    auto *data = operand<const typename Weight::Stored>(dispatch, 1);
    auto *scales = operand<const float>(dispatch, 2);
    int64_t first = head * (c[dn] + c[dv]), rank = c[r];
    for (int64_t i = 0; i < c[dn]; ++i) {
      decode_row<Weight>(data + (first + i) * rank, scales + (first + i) / kBlock * ceil_div(rank, kBlock), 0, rank,
                         s.key_weights + i * rank);
    }
    RowWeights<Weight> values(data, scales, first + c[dn], c[dv], rank, rank);
    for (int64_t p = 0; p < ceil_div(c[dv], kPanel); ++p) {
      for (int64_t from = 0; from < rank; from += kBlock) {
        float *block = s.value_weights + (p * rank + from) * kPanel;
        int64_t steps = smaller(kBlock, rank - from);
        values.block(p, from, steps, block);
        if constexpr (Weight::kQuantized) {
          float unit[kPanel];
          values.scales(p, from, unit);
          for (int64_t i = 0; i < steps * kPanel; ++i) {
            block[i] = block[i] * unit[i % kPanel];
          }
        }
      }
    }
  }

  static FATHOM_INLINE void rotate_queries(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t head,
                                           float *to) {
    int64_t query = c[dn] + c[dr];
    for (int64_t row = 0; row < dispatch->rows; ++row, to += query) {
      Activation q = activation(dispatch, 0, c[x_element]) + (row * c[H] + head) * query;
      copy_numbers(q, c[dn], to);
      rotate(q + c[dn], operand<const float>(dispatch, kTable) + dispatch->positions[row] * c[dr], c[dr], to + c[dn]);
    }
  }

  /// keys[panel][d][key]: what the head makes of `count` latents, then their rope part.
  static FATHOM_INLINE void expand_keys(const float *latents, int64_t count, const int64_t *c, const Scratch &s) {
    RowWeights<F32> transposed(latents, nullptr, 0, count, c[r], c[r] + c[dr]);
    Sums sums(s.expanded, c[dn]);
    sums.clear(2);
    multiply<Tile>(transposed, RowSource{s.key_weights, c[r]}, 0, 2, s.multiply(), sums);
    for (int64_t p = 0; p < 2; ++p) {
      float *keys = s.keys + p * (c[dn] + c[dr]) * kPanel;
      decode_row<F32>(sums.at(p, 0), nullptr, 0, c[dn] * kPanel, keys);
      for (int64_t i = 0; i < c[dr] * kPanel; ++i) {
        int64_t key = smaller(p * kPanel + i % kPanel, count - 1);
        keys[c[dn] * kPanel + i] = latents[key * (c[r] + c[dr]) + c[r] + i / kPanel];
      }
    }
  }

  /// values[panel][key][32].
  static FATHOM_INLINE void expand_values(const float *latents, int64_t count, const int64_t *c, const Scratch &s) {
    ComputedPanels weights(s.value_weights, nullptr, c[dv], c[r]);
    Sums sums(s.expanded, count);
    int64_t all = ceil_div(c[dv], kPanel);
    for (int64_t panel = 0; panel < all; panel += kGroup) {
      int64_t panels = smaller(kGroup, all - panel);
      sums.clear(panels);
      multiply<Tile>(weights, RowSource{latents, c[r] + c[dr]}, panel, panels, s.multiply(), sums);
      for (int64_t p = 0; p < panels; ++p) {
        float *values = s.values + (panel + p) * kKeys * kPanel;
        decode_row<F32>(sums.at(p, 0), nullptr, 0, count * kPanel, values);
        for (int64_t i = count * kPanel; i < kKeys * kPanel; ++i) {
          values[i] = 0.0f;
        }
      }
    }
  }

  /// Rows [row, row + rows) against the block of keys that starts at position `start`.
  static FATHOM_INLINE void attend(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t start, int64_t row,
                                   int64_t rows, const Scratch &s) {
    int64_t query = c[dn] + c[dr], panels = ceil_div(c[dv], kPanel);
    Sums scores(s.scores, rows);
    scores.clear(2);
    multiply<Tile>(ComputedPanels(s.keys, nullptr, kKeys, query), RowSource{s.queries + row * query, query}, 0, 2,
                   s.multiply(), scores);
    Sums results(s.results + row * kPanel, rows, dispatch->rows + kSlackRows);
    for (int64_t i = 0; i < rows; ++i) {
      float both[kKeys];
      decode_row<F32>(scores.at(0, i), nullptr, 0, kPanel, both);
      decode_row<F32>(scores.at(1, i), nullptr, 0, kPanel, both + kPanel);
      int64_t visible = smaller(kKeys, dispatch->positions[row + i] + 1 - start);
      float factor = softmax_step(both, visible, real(c[scale]), s.states() + row + i, s.weights + i * kKeys);
      for (int64_t p = 0; p < panels; ++p) {
        float *to = results.at(p, i);
        store(to, load(to) * factor);
        store(to + kLanes, load(to + kLanes) * factor);
      }
    }
    ComputedPanels values(s.values, nullptr, c[dv], kKeys);
    for (int64_t panel = 0; panel < panels; panel += kGroup) {
      multiply<Tile>(values, RowSource{s.weights, kKeys}, panel, smaller(kGroup, panels - panel), s.multiply(),
                     Sums(results.at(panel, 0), rows, results.stride));
    }
  }

  static FATHOM_INLINE void store_results(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t head,
                                          const Scratch &s) {
    Sums results(s.results, dispatch->rows);
    for (int64_t row = 0; row < dispatch->rows; ++row) {
      Activation out = activation(dispatch, kTable + 1, c[x_element]) + (row * c[H] + head) * c[dv];
      float inverse = 1.0f / s.states()[row].total;
      for (int64_t i = 0; i < c[dv]; ++i) {
        out[i] = results.at(i / kPanel, row)[i % kPanel] * inverse;
      }
    }
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    int64_t rows = dispatch->rows, first = dispatch->positions[0], last = dispatch->positions[rows - 1];
    Scratch s(static_cast<float *>(scratch), rows, c);
    RowFormat format = row_format(c[latent_element], c[r] + c[dr], c[dr]);
    decode_weights(dispatch, c, item, s);
    rotate_queries(dispatch, c, item, s.queries);
    for (int64_t row = 0; row < rows; ++row) {
      s.states()[row] = SoftmaxState{-__builtin_inff(), 0.0f};
    }
    Sums(s.results, rows).clear(ceil_div(c[dv], kPanel));
    for (int64_t start = 0; start <= last; start += kKeys) {
      int64_t count = smaller(kKeys, last + 1 - start);
      const float *latents =
          decode_rows(cache_row(dispatch, 0, start, c[latent_store], format), count, format, s.latents);
      expand_keys(latents, count, c, s);
      expand_values(latents, count, c, s);
      for (int64_t row = start > first ? start - first : 0; row < rows; row += Scratch::kScoreRows) {
        attend(dispatch, c, start, row, smaller(Scratch::kScoreRows, rows - row), s);
      }
    }
    store_results(dispatch, c, item, s);
  }
};

FATHOM_DEFINE_KERNEL(MlaAttention<Tile, Weight>)

} // namespace fathom::cpu

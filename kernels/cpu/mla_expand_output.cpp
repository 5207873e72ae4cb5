// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results of latent attention out of the space of latents.
//
// Operands: o [T, H, r], kv_b, scale (quantized only), out [T, H * dv] = value rows of the head * o. An item
// is a head.
//
// kv_b [H * (dn + dv), r] has, for each head, dn rows that make keys of latents and dv rows that make values.
// It is read as a checkpoint has it; scales, if quantized, are f32 [ceil(rows/128)][ceil(r/128)] over the
// whole tensor.

#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

template <class Tile, class Weight>
struct MlaExpandOutput : mla_expand_output_constants {
  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) { return c[H]; }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kOut = Weight::kQuantized ? 3 : 2;
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
      store_sums(sums, panel, panels, out);
    }
  }
};

FATHOM_DEFINE_KERNEL(MlaExpandOutput<Tile, Weight>)

} // namespace fathom::cpu

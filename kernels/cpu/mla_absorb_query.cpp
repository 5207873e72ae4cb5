// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries of multi-head latent attention in the space of latents.
//
// Operands: q [T, H * (dn + dr)] before rope, kv_b, scale (quantized only), rope table, out [T, H, r + dr]:
// out[:r] = q[:dn] * key rows of the head, out[r:] = rope(q[dn:]). An item is a head.
//
// kv_b [H * (dn + dv), r] has, for each head, dn rows that make keys of latents and dv rows that make values.
// It is read as a checkpoint has it; scales, if quantized, are f32 [ceil(rows/128)][ceil(r/128)] over the
// whole tensor.

#include "kernels/cpu/attention.h"
#include "kernels/cpu/epilogue.h"

namespace fathom::cpu {

template <class Tile, class Weight>
struct MlaAbsorbQuery : HeadItems<mla_absorb_query_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    constexpr int kTable = Weight::kQuantized ? 3 : 2;
    int64_t width = c[r] + c[dr], query = c[H] * (c[dn] + c[dr]);
    Activation q = activation(dispatch, 0, c[x_element]) + item * (c[dn] + c[dr]);
    auto *table = operand<const float>(dispatch, kTable);
    Activation out = activation(dispatch, kTable + 1, c[x_element]) + item * width;
    ColumnWeights<Weight> weights{operand<const typename Weight::Stored>(dispatch, 1),
                                  operand<const float>(dispatch, 2), item * (c[dn] + c[dv]), c[dn], c[r]};
    multiply_and_store<Tile>(weights, RowSource{q, query}, dispatch->rows, Output{out, c[H] * width, c[r]}, scratch);
    for (int64_t row = 0; row < dispatch->rows; ++row) {
      rotate(q + row * query + c[dn], table + dispatch->positions[row] * c[dr], c[dr], out + row * c[H] * width + c[r]);
    }
  }
};

FATHOM_DEFINE_KERNEL(MlaAbsorbQuery<Tile, Weight>)

} // namespace fathom::cpu

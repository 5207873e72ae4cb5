// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes a token's latent to the cache. A token is an item.
//
// Operands: kv [T, kv_stride] from column kv_offset on, norm weight [r], rope table. Writes the token's
// row of a store: rms_norm(kv[:r]) then rope(kv[r : r + dr]). A rope table is
// f32 [positions][dr / 2][2]: cosine, sine.

#include "kernels/cpu/attention.h"
#include "kernels/cpu/norm.h"

namespace fathom::cpu {

template <class Weight>
struct MlaAppend : RowItems<mla_append_constants> {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void *scratch) {
    Activation kv = activation(dispatch, 0, c[x_element]) + item * c[kv_stride] + c[kv_offset];
    int64_t position = dispatch->positions[item];
    RowFormat format = row_format(c[latent_element], c[r] + c[dr], c[dr]);
    char *row = cache_row(dispatch, item, position, c[latent_store], format);
    float *to = static_cast<float *>(format.isF32() ? static_cast<void *>(row) : scratch);
    normalize_row<Weight>(kv, operand<const typename Weight::Stored>(dispatch, 1), c[r], real(c[eps]), to);
    rotate(kv + c[r], operand<const float>(dispatch, 2) + position * c[dr], c[dr], to + c[r]);
    if (!format.isF32()) {
      encode_row(to, format, row);
    }
  }
};

FATHOM_DEFINE_KERNEL(MlaAppend<Weight>)

} // namespace fathom::cpu

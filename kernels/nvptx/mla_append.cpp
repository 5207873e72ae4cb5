// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes a token's latent to the cache. A block takes a token.
//
// Operands: kv [T, kv_stride] from column kv_offset on, norm weight [r], rope table. Writes the token's row of a store:
// rms_norm(kv[:r]) then rope(kv[r : r + dr]). A rope table is f32 [positions][dr / 2][2]: cosine, sine.

#include "kernels/nvptx/cache_rows.h"
#include "kernels/nvptx/norm.h"
#include "kernels/nvptx/rotation.h"

namespace fathom::nv {

template <class Weight>
struct MlaAppend : mla_append_op {
  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c) {
    RowFormat format(c[latent_element], c[r] + c[dr], c[dr]);
    Numbers weight = numbers(dispatch, 1, Weight::kElement);
    for_each_unit(dispatch->rows, [&](int64_t row) FATHOM_INLINED {
      Row latent(numbers(dispatch, 0, c[x_element]), row, c[kv_stride], c[kv_offset], c[r]);
      Numbers key = latent.numbers + c[r];
      int64_t position = dispatch->positions[row];
      const float *angles = operand<const float>(dispatch, 2) + position * c[dr];
      float factor = inverse_rms(c[r], real(c[eps]), [&](int64_t i, Chunk &to) FATHOM_INLINED { latent.load(i, to); });
      auto number = [&](int64_t i) FATHOM_INLINED {
        return i < c[r] ? latent.numbers[i] * factor * weight[i]
                        : rotated(key, angles, c[dr], /*half_split=*/false, i - c[r]);
      };
      encode_row(number, format, threads_of(c[r]), cache_row(dispatch, row, position, c[latent_store], format));
    });
  }
};

FATHOM_DEFINE_KERNEL(MlaAppend<Weight>)

} // namespace fathom::nv

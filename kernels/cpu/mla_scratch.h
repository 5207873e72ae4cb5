// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory of an item of mla_attention. Apart from sizes.h, since it has the constants of one op.

#ifndef FATHOM_KERNELS_CPU_MLA_SCRATCH_H
#define FATHOM_KERNELS_CPU_MLA_SCRATCH_H

#include "kernels/cpu/sizes.h"

namespace fathom::cpu {

/// What an item of mla_attention has where. `Place` is a float pointer, or an int64_t to measure: counted in floats.
template <class Place>
struct MlaAttentionScratch : mla_attention_constants {
  /// Rows whose scores are in memory at once: a multiple of every tile's rows.
  static constexpr int64_t kScoreRows = 48;

  Place begin;         ///< MultiplyScratch
  Place results;       ///< Sums, [dv / 32][rows + slack][32]
  Place value_weights; ///< panels [dv / 32][r][32]
  Place expanded;      ///< Sums of an expansion
  Place keys;          ///< panels [2][dn + dr][32 keys]
  Place values;        ///< panels [dv / 32][64 keys][32]
  Place scores;        ///< Sums, [2][kScoreRows + slack][32]
  Place weights;       ///< [kScoreRows][64]
  Place key_weights;   ///< [dn][r]
  Place queries;       ///< [rows][dn + dr], rotated
  Place softmax;       ///< SoftmaxState [rows]
  Place latents;       ///< [64][r + dr] where they are not stored as f32
  Place end;

  FATHOM_INLINE constexpr MlaAttentionScratch(Place begin, int64_t rows, const int64_t *c)
      : begin(begin), results(begin + floats<MultiplyScratch>(1)),
        value_weights(results + sums_size(ceil_div(c[dv], kPanel), rows)),
        expanded(value_weights + ceil_div(c[dv], kPanel) * c[r] * kPanel),
        keys(expanded + sums_size(kGroup, greater(c[dn], kKeys))), values(keys + 2 * (c[dn] + c[dr]) * kPanel),
        scores(values + ceil_div(c[dv], kPanel) * kKeys * kPanel), weights(scores + sums_size(2, kScoreRows)),
        key_weights(weights + kScoreRows * kKeys), queries(key_weights + c[dn] * c[r]),
        softmax(queries + rows * (c[dn] + c[dr])), latents(softmax + floats<SoftmaxState>(rows)),
        end(latents + decoded_size(c[latent_element], c[r] + c[dr])) {}

  FATHOM_INLINE MultiplyScratch *multiply() const { return reinterpret_cast<MultiplyScratch *>(begin); }
  FATHOM_INLINE SoftmaxState *states() const { return reinterpret_cast<SoftmaxState *>(softmax); }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_MLA_SCRATCH_H

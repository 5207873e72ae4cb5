// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products by the instructions that the types of x and W, and the arch, have.

#ifndef FATHOM_KERNELS_CPU_PRODUCTS_H
#define FATHOM_KERNELS_CPU_PRODUCTS_H

#include "kernels/cpu/integer_products.h"

namespace fathom::cpu {

/// sums[p][row] += x(row) * panel first + p of the weights, for p < panels <= kGroup and every row of `sums`.
template <class Tile, class Source>
FATHOM_INLINE void multiply(const Source &weights, const RowSource &x, int64_t first, int64_t panels,
                            MultiplyScratch *scratch, const Sums &sums) {
  if constexpr (__is_same(Source, PanelWeights<I8>)) {
    if (x.data.isI8()) {
      return multiply_integers<Tile>(weights, x, first, panels, scratch, sums);
    }
  }
  int64_t odd_first = __is_same(typename Source::Type, Bf16) && !x.data.isF32();
  if constexpr (__is_same(Tile, Avx512Bf16Tile) && __is_same(Source, PanelWeights<Bf16>)) {
    if (odd_first) {
      return multiply_pairs<Tile>(weights, x, first, panels, scratch, sums);
    }
  }
  if constexpr (__is_same(Tile, AmxBf16Tile) && __is_same(Source, PanelWeights<Bf16>)) {
    if (odd_first) {
      return multiply_by_tiles(weights, x, first, panels, scratch, sums);
    }
  }
  multiply_in_order<Tile>(weights, x, first, panels, odd_first, scratch, sums);
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_PRODUCTS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// FP8 E4M3 by bits: no instruction of sm_80 knows it.

#ifndef FATHOM_KERNELS_NVPTX_E4M3_H
#define FATHOM_KERNELS_NVPTX_E4M3_H

#include "kernels/nvptx/nv.h"

namespace fathom::nv {

/// Exact, subnormals included; the two NaN codes (0x7f, 0xff) read as +-480.
FATHOM_INLINE float decode_e4m3(uint32_t code) {
  return __builtin_bit_cast(float, (code & 0x80) << 24 | (code & 0x7F) << 20) * 0x1p120f;
}

FATHOM_INLINE float decode_e4m3_or_nan(uint32_t code) {
  return (code & 0x7F) == 0x7F ? __builtin_nanf("") : decode_e4m3(code);
}

/// Codes number `first` and `second` of four as bf16. A code moved into the fields of a bf16 reads as its value times
/// 2^-120.
FATHOM_INLINE uint32_t decode_e4m3_pair(uint32_t codes, uint32_t first, uint32_t second) {
  uint32_t high = permute_bytes(codes, 0, 0x0404 | first << 4 | second << 12); // in the high half of each lane
  return scale_bf16((high & 0x80008000) | (high & 0x7F007F00) >> 4);
}

/// To nearest, ties to even; what is larger than 448 becomes +-448, NaN stays NaN.
FATHOM_INLINE uint32_t encode_e4m3(float x) {
  auto bits = __builtin_bit_cast(uint32_t, x);
  float size = __builtin_bit_cast(float, bits & 0x7FFFFFFF);
  size = size < 448.0f ? size : 448.0f;
  auto small = __builtin_bit_cast(uint32_t, size);
  // Seven of the exponent's bits go, and all but three of the mantissa's.
  uint32_t normal = ((small + 0x7FFFF + (small >> 20 & 1)) >> 20) - (120 << 3);
  // Below 2^-6 codes are multiples of 2^-9: those of the last place of numbers around 2^14.
  uint32_t subnormal = __builtin_bit_cast(uint32_t, size + 0x1p14f) - 0x46800000;
  uint32_t code = size < 0x1p-6f ? subnormal : normal;
  return (x == x ? code : 0x7F) | (bits >> 24 & 0x80);
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_E4M3_H

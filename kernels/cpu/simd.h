// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sixteen-lane vectors and the few functions on them that kernels share.
//
// Everything is written with clang's vector extensions, so one source gives the same bits on AVX2 (a vector is two
// registers there) and AVX-512 (one). Contraction is off: a fused multiply-add happens where `fma` is written.

#ifndef FATHOM_KERNELS_CPU_SIMD_H
#define FATHOM_KERNELS_CPU_SIMD_H

#include "kernels/cpu/sizes.h"

#define FATHOM_UNROLL _Pragma("clang loop unroll(full)")

namespace fathom::cpu {

using f32x16 = float __attribute__((ext_vector_type(16)));
using i32x16 = int32_t __attribute__((ext_vector_type(16)));
using u32x16 = uint32_t __attribute__((ext_vector_type(16)));
using i16x32 = int16_t __attribute__((ext_vector_type(32)));
using f32x8 = float __attribute__((ext_vector_type(8)));
using f32x4 = float __attribute__((ext_vector_type(4)));
using f32x2 = float __attribute__((ext_vector_type(2)));

/// A vector type that may lie at any address its elements may.
template <class Element, int Lanes>
struct Memory {
  typedef Element Type __attribute__((ext_vector_type(Lanes), aligned(sizeof(Element)), may_alias));
};

template <int Lanes, class Element>
FATHOM_INLINE auto load_vector(const Element *from) {
  using Value = Element __attribute__((ext_vector_type(Lanes)));
  return static_cast<Value>(*reinterpret_cast<const typename Memory<Element, Lanes>::Type *>(from));
}

FATHOM_INLINE f32x16 load(const float *from) { return load_vector<16>(from); }

FATHOM_INLINE void store(float *to, f32x16 value) { *reinterpret_cast<Memory<float, 16>::Type *>(to) = value; }

/// Loads `count` < 16 values; the other lanes are 0.
FATHOM_INLINE f32x16 load_part(const float *from, int64_t count) {
  f32x16 value = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    value[i] = from[i];
  }
  return value;
}

FATHOM_INLINE void store_part(float *to, f32x16 value, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    to[i] = value[i];
  }
}

FATHOM_INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return __builtin_elementwise_fma(a, b, c); }

/// Adds the lanes in a fixed tree: halves, quarters, pairs.
FATHOM_INLINE float sum(f32x16 v) {
  f32x8 a = v.lo + v.hi;
  f32x4 b = a.lo + a.hi;
  f32x2 c = b.lo + b.hi;
  return c.x + c.y;
}

FATHOM_INLINE f32x16 larger(f32x16 a, f32x16 b) { return a > b ? a : b; }

FATHOM_INLINE float largest(f32x16 v) {
  f32x8 a = v.lo > v.hi ? v.lo : v.hi;
  f32x4 b = a.lo > a.hi ? a.lo : a.hi;
  f32x2 c = b.lo > b.hi ? b.lo : b.hi;
  return c.x > c.y ? c.x : c.y;
}

/// e^x, at most 1 ulp off; 0 where the result would be subnormal, +inf where it overflows, NaN for NaN.
FATHOM_INLINE f32x16 exponential(f32x16 x) {
  constexpr float kMagic = 0x1.8p23f; // adding it rounds to an integer that sits in the low bits
  constexpr float kLn2High = 0x1.62e4p-1f;
  constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  constexpr float kLowest = -0x1.5d589ep+6f;       // below it the result would be subnormal
  f32x16 clamped = x < kLowest ? f32x16(0.0f) : x; // not kLowest: subnormal intermediates are slow
  clamped = clamped > 89.0f ? f32x16(89.0f) : clamped;
  f32x16 shifted = fma(clamped, 0x1.715476p+0f, kMagic);
  f32x16 n = shifted - kMagic;
  f32x16 r = fma(n, -kLn2Low, fma(n, -kLn2High, clamped));
  f32x16 p = 1.0f / 5040;
  p = fma(p, r, 1.0f / 720);
  p = fma(p, r, 1.0f / 120);
  p = fma(p, r, 1.0f / 24);
  p = fma(p, r, 1.0f / 6);
  p = fma(p, r, 0.5f);
  p = fma(p, r, 1.0f);
  p = fma(p, r, 1.0f);
  // 2^n in two factors: n reaches 128.
  i32x16 power = __builtin_bit_cast(i32x16, shifted) - 0x4B400000;
  i32x16 half = power >> 1;
  f32x16 first = __builtin_bit_cast(f32x16, (half + 127) << 23);
  f32x16 second = __builtin_bit_cast(f32x16, (power - half + 127) << 23);
  f32x16 result = p * first * second;
  return x < kLowest ? f32x16(0.0f) : result;
}

FATHOM_INLINE float exponential(float x) { return exponential(f32x16(x))[0]; }

FATHOM_INLINE f32x16 sigmoid(f32x16 x) { return 1.0f / (1.0f + exponential(-x)); }

FATHOM_INLINE f32x16 silu(f32x16 x) { return x / (1.0f + exponential(-x)); }

/// A scalar constant of a kernel: the bits of a double, used as a float.
FATHOM_INLINE float real(int64_t bits) { return static_cast<float>(__builtin_bit_cast(double, bits)); }

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_SIMD_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary of kernels on NVIDIA's GPUs: threads, what they do together, and instructions that C++ has no word
// for.
//
// It is there twice, with the same functions: device.h has builtins of clang and PTX, host/nv.h runs the threads of a
// block as fibers on a CPU, so that tests run the very sources. Kernels name no builtin of NVPTX and no instruction.
//
// Floating point is exact: + - * / fma and roots round once, nothing is contracted,
// and subnormals stay.

#ifndef FATHOM_KERNELS_NVPTX_NV_H
#define FATHOM_KERNELS_NVPTX_NV_H

#include "kernels/constants.h"

/// Of a lambda: see FATHOM_INLINE.
#define FATHOM_INLINED __attribute__((always_inline))
#define FATHOM_UNROLL _Pragma("clang loop unroll(full)")
#define FATHOM_NO_UNROLL _Pragma("clang loop unroll(disable)")

namespace fathom::nv {

constexpr int kWarp = 32, kWarpgroup = 4 * kWarp;

using u32x2 = uint32_t __attribute__((ext_vector_type(2)));
using u32x4 = uint32_t __attribute__((ext_vector_type(4)));
using f32x4 = float __attribute__((ext_vector_type(4)));

} // namespace fathom::nv

#ifdef __NVPTX__
#include "kernels/nvptx/device.h"
#else
#include "kernels/nvptx/host/nv.h"
#endif

namespace fathom::nv {

FATHOM_INLINE int lane() { return thread() % kWarp; }
FATHOM_INLINE int warp() { return thread() / kWarp; }

/// Memory that the threads of a block share, aligned to 1024 bytes, from byte `offset` on. Its size is that of the
/// kernel's row in instances.def; its contents are undefined.
template <class Type>
FATHOM_INLINE Type *shared(int64_t offset = 0) {
  return reinterpret_cast<Type *>(shared_memory() + offset);
}

/// The same number in every lane: a tree of halves, quarters, …, which adds lane i and lane i ^ distance.
template <int Lanes = kWarp>
FATHOM_INLINE float sum_of_lanes(float x) {
  FATHOM_UNROLL for (int distance = Lanes / 2; distance > 0; distance /= 2) { x = x + shuffle_xor(x, distance); }
  return x;
}

/// NaN loses to every number.
template <int Lanes = kWarp>
FATHOM_INLINE float largest_of_lanes(float x) {
  FATHOM_UNROLL for (int distance = Lanes / 2; distance > 0; distance /= 2) {
    float other = shuffle_xor(x, distance);
    x = other > x || x != x ? other : x;
  }
  return x;
}

/// e^x, at most 1 ulp off; 0 where the result would be subnormal, +inf where it overflows, NaN for NaN. The bits of the
/// CPU's (kernels/cpu/simd.h).
FATHOM_INLINE float exponential(float x) {
  constexpr float kMagic = 0x1.8p23f; // adding it rounds to an integer that sits in the low bits
  constexpr float kLn2High = 0x1.62e4p-1f;
  constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  constexpr float kLowest = -0x1.5d589ep+6f; // below it the result would be subnormal
  float clamped = x < kLowest ? 0.0f : x;
  clamped = clamped > 89.0f ? 89.0f : clamped;
  float shifted = __builtin_fmaf(clamped, 0x1.715476p+0f, kMagic);
  float n = shifted - kMagic;
  float r = __builtin_fmaf(n, -kLn2Low, __builtin_fmaf(n, -kLn2High, clamped));
  float p = 1.0f / 5040;
  p = __builtin_fmaf(p, r, 1.0f / 720);
  p = __builtin_fmaf(p, r, 1.0f / 120);
  p = __builtin_fmaf(p, r, 1.0f / 24);
  p = __builtin_fmaf(p, r, 1.0f / 6);
  p = __builtin_fmaf(p, r, 0.5f);
  p = __builtin_fmaf(p, r, 1.0f);
  p = __builtin_fmaf(p, r, 1.0f);
  // 2^n in two factors: n reaches 128.
  int32_t power = static_cast<int32_t>(__builtin_bit_cast(uint32_t, shifted) - 0x4B400000u);
  int32_t half = power >> 1;
  float first = __builtin_bit_cast(float, static_cast<uint32_t>(half + 127) << 23);
  float second = __builtin_bit_cast(float, static_cast<uint32_t>(power - half + 127) << 23);
  return x < kLowest ? 0.0f : p * first * second;
}

FATHOM_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
FATHOM_INLINE float silu(float x) { return x / (1.0f + exponential(-x)); }

/// A scalar constant of a kernel: the bits of a double, used as a float.
FATHOM_INLINE float real(int64_t bits) { return static_cast<float>(__builtin_bit_cast(double, bits)); }

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_NV_H

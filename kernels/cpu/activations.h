// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations of f32 or bf16, as kernels see them: numbers that are read as f32, and rounded where they are written.
//
// A kernel computes in f32 and rounds a result once, to nearest, ties to even, when it stores it. The element type is a
// constant of the kernel, so that what is asked of it folds when a model is compiled. An activation is used as a
// pointer to floats is: with +, [], load and store.

#ifndef FATHOM_KERNELS_CPU_ACTIVATIONS_H
#define FATHOM_KERNELS_CPU_ACTIVATIONS_H

#include "kernels/cpu/weights.h"

namespace fathom::cpu {

using u16x16 = uint16_t __attribute__((ext_vector_type(16)));

/// The codes of f32 numbers, a scalar's or those of lanes, in the low bits.
template <class Bits, class Float>
FATHOM_INLINE Bits round_to_bf16(Float x) {
  Bits bits = __builtin_bit_cast(Bits, x);
  Bits code = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return x == x ? code : bits >> 16 | 0x40;
}

FATHOM_INLINE u32x16 encode_bf16(f32x16 x) { return round_to_bf16<u32x16>(x); }

struct Activation {
  char *data;
  int64_t element; ///< FATHOM_ROW_F32 or FATHOM_ROW_BF16

  /// Nothing is written to what is an input.
  FATHOM_INLINE Activation(const void *data, int64_t element)
      : data(const_cast<char *>(static_cast<const char *>(data))), element(element) {}
  FATHOM_INLINE Activation(const float *numbers) : Activation(numbers, FATHOM_ROW_F32) {}

  /// A number that may be read and written.
  struct Number {
    const Activation &of;
    int64_t i;
    FATHOM_INLINE operator float() const { return of.isF32() ? of.floats()[i] : Bf16::decode<1>(of.codes() + i)[0]; }
    FATHOM_INLINE void operator=(const Number &value) const { *this = static_cast<float>(value); }
    FATHOM_INLINE void operator=(float value) const {
      if (of.isF32()) {
        of.floats()[i] = value;
      } else {
        of.codes()[i] = static_cast<uint16_t>(round_to_bf16<uint32_t>(value));
      }
    }
  };

  FATHOM_INLINE bool isF32() const { return element == FATHOM_ROW_F32; }
  /// Rows of integers, which products alone read: they count bytes.
  FATHOM_INLINE bool isI8() const { return element == FATHOM_ROW_I8; }
  FATHOM_INLINE float *floats() const { return reinterpret_cast<float *>(data); }
  FATHOM_INLINE uint16_t *codes() const { return reinterpret_cast<uint16_t *>(data); }
  FATHOM_INLINE Number operator[](int64_t i) const { return {*this, i}; }
  FATHOM_INLINE Activation operator+(int64_t numbers) const {
    return {data + numbers * (isF32() ? 4 : isI8() ? 1 : 2), element};
  }
};

FATHOM_INLINE f32x16 load(const Activation &from) {
  return from.isF32() ? load(from.floats()) : Bf16::decode<kLanes>(from.codes());
}

FATHOM_INLINE void store(const Activation &to, f32x16 value) {
  if (to.isF32()) {
    return store(to.floats(), value);
  }
  *reinterpret_cast<Memory<uint16_t, 16>::Type *>(to.codes()) = __builtin_convertvector(encode_bf16(value), u16x16);
}

/// Loads `count` < 16 values; the other lanes are 0.
FATHOM_INLINE f32x16 load_part(const Activation &from, int64_t count) {
  f32x16 value = 0.0f;
  for (int64_t i = 0; i < count; ++i) {
    value[i] = from[i];
  }
  return value;
}

FATHOM_INLINE void store_part(const Activation &to, f32x16 value, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    to[i] = value[i];
  }
}

/// to = from * factor, rounded.
FATHOM_INLINE void scale_numbers(const Activation &from, int64_t count, float factor, const Activation &to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(to + i, load(from + i) * factor);
  }
  for (; i < count; ++i) {
    to[i] = from[i] * factor;
  }
}

FATHOM_INLINE void copy_numbers(const Activation &from, int64_t count, const Activation &to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(to + i, load(from + i));
  }
  for (; i < count; ++i) {
    to[i] = from[i];
  }
}

/// `count` numbers as f32: where they are, or in `memory` where they are not f32.
FATHOM_INLINE const float *read_numbers(const Activation &from, int64_t count, float *memory) {
  if (from.isF32()) {
    return from.floats();
  }
  copy_numbers(from, count, memory);
  return memory;
}

/// Where numbers are put together that are to be stored to `to`: there, or in `memory` where it is not f32.
FATHOM_INLINE float *working_memory(const Activation &to, void *memory) {
  return to.isF32() ? to.floats() : static_cast<float *>(memory);
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_ACTIVATIONS_H

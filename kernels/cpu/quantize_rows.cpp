// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows as integers of 8 bits, for products with weights that are.
//
// Operands: x [T, H], out [T] rows of FATHOM_ROW_I8. Of each group of 32 numbers the scale is the largest magnitude
// / 127, and an integer is a number / scale, rounded to the nearest, of two the even one; 0 where the scale is 0 or
// NaN.

#include "kernels/cpu/integer_products.h"
#include "kernels/cpu/kernel.h"

namespace fathom::cpu {

struct QuantizeRows : RowItems<quantize_rows_constants> {
  /// Not a number where one of them is not or is infinite: then products are not, either.
  static FATHOM_INLINE float find_scale(const f32x16 *x) {
    f32x16 magnitudes = larger(__builtin_elementwise_abs(x[0]), __builtin_elementwise_abs(x[1]));
    return largest(magnitudes) / 127 + 0 * sum(x[0] + x[1]);
  }

  /// The group's integers, and -128 times their sum; zeros where the scale is 0 or not a number.
  static FATHOM_INLINE int32_t quantize(const f32x16 *x, float scale, int8_t *to) {
    // Adding it leaves an integer in the low bits, rounded to the nearest, of two the even one.
    constexpr float kMagic = 0x1.8p23f;
    i32x16 total = 0;
    FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
      // A scale that is subnormal may be far off.
      f32x16 quotient = x[v] / (scale > 0 ? scale : 1.0f);
      f32x16 shifted = (quotient > 127.0f ? 127.0f : quotient < -127.0f ? -127.0f : quotient) + kMagic;
      i32x16 numbers = scale > 0 ? __builtin_bit_cast(i32x16, shifted) - 0x4B400000 : i32x16(0);
      using Bytes = int8_t __attribute__((ext_vector_type(16)));
      *reinterpret_cast<Memory<int8_t, kLanes>::Type *>(to + v * kLanes) = __builtin_convertvector(numbers, Bytes);
      total += numbers;
    }
    return -128 * __builtin_reduce_add(total);
  }

  static FATHOM_INLINE void run(const fathom_dispatch_t *dispatch, const int64_t *c, int64_t item, void * /*scratch*/) {
    Activation x = activation(dispatch, 0, c[x_element]) + c[x_offset] + item * c[x_stride];
    char *row = operand<char>(dispatch, 1) + item * fathom_row_bytes(FATHOM_ROW_I8, c[H], 0);
    auto *scales = reinterpret_cast<float *>(row + fathom_group_scales(c[H]));
    auto *offsets = reinterpret_cast<int32_t *>(row + fathom_group_offsets(c[H]));
    for (int64_t from = 0; from < c[H]; from += kScaleGroup) {
      int64_t count = smaller(kScaleGroup, c[H] - from);
      f32x16 numbers[2];
      FATHOM_UNROLL for (int v = 0; v < 2; ++v) {
        int64_t rest = count - v * kLanes;
        numbers[v] = rest >= kLanes ? load(x + from + v * kLanes) : load_part(x + from + v * kLanes, greater(rest, 0));
      }
      float scale = find_scale(numbers);
      alignas(32) int8_t integers[kScaleGroup];
      offsets[from / kScaleGroup] = quantize(numbers, scale, integers);
      scales[from / kScaleGroup] = scale;
      for (int64_t i = 0; i < count; ++i) {
        row[from + i] = integers[i];
      }
    }
  }
};

FATHOM_DEFINE_KERNEL(QuantizeRows)

} // namespace fathom::cpu

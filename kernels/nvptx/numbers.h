// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations and weights as kernels see them: numbers that are read as f32, and rounded once where they are written.
//
// The element is a constant of the kernel, so that what is asked of it folds when a model is compiled. Operands begin
// at multiples of 16 bytes.

#ifndef FATHOM_KERNELS_NVPTX_NUMBERS_H
#define FATHOM_KERNELS_NVPTX_NUMBERS_H

#include "kernels/nvptx/nv.h"
#include "kernels/nvptx/sizes.h"

namespace fathom::nv {

/// kChunk numbers.
using Chunk = float[kChunk];

FATHOM_INLINE float from_bf16(uint32_t code) { return __builtin_bit_cast(float, code << 16); }

struct Numbers {
  char *data;
  int64_t element; ///< FATHOM_ROW_F32 or FATHOM_ROW_BF16

  /// Nothing is written to what is an input.
  FATHOM_INLINE Numbers(const void *data, int64_t element)
      : data(const_cast<char *>(static_cast<const char *>(data))), element(element) {}

  FATHOM_INLINE bool isF32() const { return element == FATHOM_ROW_F32; }
  FATHOM_INLINE int64_t bytes() const { return isF32() ? 4 : 2; }
  FATHOM_INLINE Numbers operator+(int64_t numbers) const { return {data + numbers * bytes(), element}; }
  FATHOM_INLINE float operator[](int64_t i) const {
    return isF32() ? reinterpret_cast<const float *>(data)[i] : from_bf16(reinterpret_cast<const uint16_t *>(data)[i]);
  }
  FATHOM_INLINE void set(int64_t i, float value) const {
    if (isF32()) {
      reinterpret_cast<float *>(data)[i] = value;
    } else {
      reinterpret_cast<uint16_t *>(data)[i] = static_cast<uint16_t>(pack_bf16(value, 0.0f));
    }
  }
};

/// Eight numbers that begin at a multiple of 16 bytes.
FATHOM_INLINE void load_whole(const Numbers &from, Chunk &to) {
  if (from.isF32()) {
    FATHOM_UNROLL for (int i = 0; i < kChunk; i += 4) {
      auto part = *reinterpret_cast<const f32x4 *>(from.data + 4 * i);
      FATHOM_UNROLL for (int j = 0; j < 4; ++j) { to[i + j] = part[j]; }
    }
    return;
  }
  auto codes = *reinterpret_cast<const u32x4 *>(from.data);
  FATHOM_UNROLL for (int i = 0; i < kChunk / 2; ++i) {
    to[2 * i] = from_bf16(codes[i]);
    to[2 * i + 1] = __builtin_bit_cast(float, codes[i] & 0xFFFF0000);
  }
}

FATHOM_INLINE void store_whole(const Numbers &to, const Chunk &from) {
  if (to.isF32()) {
    FATHOM_UNROLL for (int i = 0; i < kChunk; i += 4) {
      *reinterpret_cast<f32x4 *>(to.data + 4 * i) = f32x4{from[i], from[i + 1], from[i + 2], from[i + 3]};
    }
    return;
  }
  u32x4 codes;
  FATHOM_UNROLL for (int i = 0; i < kChunk / 2; ++i) { codes[i] = pack_bf16(from[2 * i], from[2 * i + 1]); }
  *reinterpret_cast<u32x4 *>(to.data) = codes;
}

/// A row of numbers in chunks. Where rows are a multiple of kChunk apart, as constants tell, chunks are read and
/// written whole; else number by number, with the same values.
struct Row {
  Numbers numbers;
  int64_t width;
  bool whole; ///< all chunks are, and begin at multiples of 16 bytes

  /// Numbers [offset, offset + width) of row `index` of rows of `stride` numbers.
  FATHOM_INLINE Row(const Numbers &rows, int64_t index, int64_t stride, int64_t offset, int64_t width)
      : numbers(rows + (index * stride + offset)), width(width),
        whole(stride % kChunk == 0 && offset % kChunk == 0 && width % kChunk == 0) {}
  FATHOM_INLINE Row(const Numbers &rows, int64_t index, int64_t width) : Row(rows, index, width, 0, width) {}

  /// Numbers from `i` on, a multiple of kChunk below the width; those behind the last are 0.
  FATHOM_INLINE void load(int64_t i, Chunk &to) const {
    if (whole) {
      return load_whole(numbers + i, to);
    }
    FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) { to[j] = i + j < width ? numbers[i + j] : 0.0f; }
  }

  FATHOM_INLINE void store(int64_t i, const Chunk &from) const {
    if (whole) {
      return store_whole(numbers + i, from);
    }
    FATHOM_UNROLL for (int j = 0; j < kChunk; ++j) {
      if (i + j < width) {
        numbers.set(i + j, from[j]);
      }
    }
  }
};

/// use(i) for the chunks of this thread: those of threads side by side lie side by side.
template <class Use>
FATHOM_INLINE void for_each_chunk(int64_t width, const Use &use) {
  for (int64_t i = thread() * kChunk; i < width; i += threads_of(width) * kChunk) {
    use(i);
  }
}

/// use(i) for those of `Count` that are this thread's, of kThreads.
template <int Count, class Use>
FATHOM_INLINE void for_each_of_threads(const Use &use) {
  FATHOM_UNROLL for (int first = 0; first < Count; first += kThreads) {
    if (first + kThreads <= Count || first + thread() < Count) {
      use(first + thread());
    }
  }
}

/// use(unit) for those of `units` that are this block's.
template <class Use>
FATHOM_INLINE void for_each_unit(int64_t units, const Use &use) {
  for (int64_t unit = block(); unit < units; unit += blocks()) {
    use(unit);
  }
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_NUMBERS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a kernel file defines its two functions, and the hook that results pass through.

#ifndef FATHOM_KERNELS_CPU_KERNEL_H
#define FATHOM_KERNELS_CPU_KERNEL_H

#include "fathom/kernel_abi.h"
#include "kernels/cpu/simd.h"

// The names and order of every op's constants.
#include "kernels/catalog.def"

extern "C" {
/// What fusion put behind a kernel: changes `count` results at [row][column...] before they are stored. The
/// compiler supplies the body for each use; the native library has one that does nothing.
void fathom_epilogue(const fathom_dispatch_t *dispatch, int64_t row, int64_t column, int64_t count, float *values);
}

/// Defines kernel SYMBOL by a class with `items(rows, constants)` and `run(dispatch, constants, item,
/// scratch)`. The attribute keeps 512-bit vectors legal on processors that LLVM tunes for 256 bits.
#define FATHOM_DEFINE_KERNEL(SYMBOL, ...)                                                                              \
  extern "C" int64_t SYMBOL##_items(int64_t rows, const int64_t *constants);                                           \
  extern "C" void SYMBOL(const fathom_dispatch_t *dispatch, const int64_t *constants, int64_t item, void *scratch);    \
  int64_t SYMBOL##_items(int64_t rows, const int64_t *constants) { return __VA_ARGS__::items(rows, constants); }       \
  __attribute__((min_vector_width(512))) void SYMBOL(const fathom_dispatch_t *dispatch, const int64_t *constants,      \
                                                     int64_t item, void *scratch) {                                    \
    __VA_ARGS__::run(dispatch, constants, item, scratch);                                                              \
  }

namespace fathom::cpu {

template <class Type>
FATHOM_INLINE Type *operand(const fathom_dispatch_t *dispatch, int index) {
  return static_cast<Type *>(dispatch->operands[index]);
}

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_KERNEL_H

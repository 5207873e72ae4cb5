// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a source defines the kernel that it is compiled for.
//
// CMake compiles a source once for each kernel of instances.def that names it, with the macros FATHOM_INSTANCE_SYMBOL,
// _OP, _TYPE, _TILE and _ROWS. A source ends with FATHOM_DEFINE_KERNEL(class). Every thread of a grid calls the kernel.
// A grid may have more or fewer blocks than suit: blocks take what is to be done in turns, so that nothing depends on
// how many there are.

#ifndef FATHOM_KERNELS_NVPTX_KERNEL_H
#define FATHOM_KERNELS_NVPTX_KERNEL_H

#include "kernels/nvptx/numbers.h"

extern "C" {
/// What fusion put behind a kernel: the result at [row][column], from `value`, before it is stored. The compiler
/// supplies the body for each use.
float fathom_epilogue_scalar(const fathom_dispatch_t *dispatch, int64_t row, int64_t column, float value);
}

namespace fathom::nv {

template <class Type>
FATHOM_INLINE Type *operand(const fathom_dispatch_t *dispatch, int index) {
  return static_cast<Type *>(dispatch->operands[index]);
}

FATHOM_INLINE Numbers numbers(const fathom_dispatch_t *dispatch, int index, int64_t element) {
  return {operand<void>(dispatch, index), element};
}

/// A type of weights.
struct F32 {
  using Stored = float;
  static constexpr bool kQuantized = false;
  static constexpr int64_t kElement = FATHOM_ROW_F32;
};
struct Bf16 {
  using Stored = uint16_t;
  static constexpr bool kQuantized = false;
  static constexpr int64_t kElement = FATHOM_ROW_BF16;
};
struct F8E4M3 {
  using Stored = uint8_t;
  static constexpr bool kQuantized = true;
  static constexpr int64_t kElement = FATHOM_ROW_F8E4M3;
};

// Words of instances.def.
enum class Op {
#define FATHOM_OP(op, ...) op,
#include FATHOM_ROWS_OF_OPS
#undef FATHOM_OP
};
namespace types {
using none = void;
using f32 = F32;
using bf16 = Bf16;
using f8e4m3 = F8E4M3;
} // namespace types

/// Of an arch whose products are those of four warps.
struct Warpgroups;

constexpr Op kOp = Op::FATHOM_INSTANCE_OP;
using Weight = types::FATHOM_INSTANCE_TYPE;
using Tile = FATHOM_INSTANCE_TILE;

#define FATHOM_JOIN(a, b) FATHOM_JOIN_EXPANDED(a, b)
#define FATHOM_JOIN_EXPANDED(a, b) a##b

/// For sources of ops whose constants are not the same.
using InstanceConstants = FATHOM_JOIN(FATHOM_INSTANCE_OP, _op);

/// Defines the kernel by a class with `run(dispatch, constants)`. It is inlined into the entry that codegen makes.
#define FATHOM_DEFINE_KERNEL(...)                                                                                      \
  extern "C" FATHOM_KERNEL_ATTRIBUTES void FATHOM_INSTANCE_SYMBOL(const fathom_dispatch_t *dispatch,                   \
                                                                  const int64_t *constants) {                          \
    __VA_ARGS__::run(dispatch, constants);                                                                             \
  }
#ifdef __NVPTX__
#define FATHOM_KERNEL_ATTRIBUTES __attribute__((always_inline))
#else
#define FATHOM_KERNEL_ATTRIBUTES
#endif

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_KERNEL_H

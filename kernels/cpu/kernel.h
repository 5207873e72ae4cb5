// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a source defines the kernel that it is compiled for.
//
// CMake compiles a source once for each kernel of instances.def that names it, with the macros FATHOM_INSTANCE_SYMBOL,
// _OP, _TILE, _TYPE, _LAYOUT and _ROWS. A source ends with FATHOM_DEFINE_KERNEL(class).

#ifndef FATHOM_KERNELS_CPU_KERNEL_H
#define FATHOM_KERNELS_CPU_KERNEL_H

#include "kernels/cpu/products.h"

namespace fathom::cpu {

template <class Type>
FATHOM_INLINE Type *operand(const fathom_dispatch_t *dispatch, int index) {
  return static_cast<Type *>(dispatch->operands[index]);
}

FATHOM_INLINE Activation activation(const fathom_dispatch_t *dispatch, int index, int64_t element) {
  return {operand<void>(dispatch, index), element};
}

/// A kernel of which a row is an item.
template <class Constants>
struct RowItems : Constants {
  static FATHOM_INLINE int64_t items(int64_t rows, const int64_t * /*c*/) { return rows; }
};

/// A kernel of which a head of all rows is an item.
template <class Constants>
struct HeadItems : Constants {
  static FATHOM_INLINE int64_t items(int64_t /*rows*/, const int64_t *c) { return c[Constants::H]; }
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
using i8 = I8;
} // namespace types
namespace layouts {
template <class Weight>
using none = void;
template <class Weight>
using rows = RowWeights<Weight>;
template <class Weight>
using panels = PanelWeights<Weight>;
} // namespace layouts

#ifdef FATHOM_INSTANCE_SYMBOL

constexpr Op kOp = Op::FATHOM_INSTANCE_OP;
using Tile = FATHOM_INSTANCE_TILE;
using Weight = types::FATHOM_INSTANCE_TYPE;
using Weights = layouts::FATHOM_INSTANCE_LAYOUT<Weight>;

#define FATHOM_JOIN(a, b) FATHOM_JOIN_EXPANDED(a, b)
#define FATHOM_JOIN_EXPANDED(a, b) a##b
#define FATHOM_INSTANCE_ITEMS FATHOM_JOIN(FATHOM_INSTANCE_SYMBOL, _items)

/// For sources of ops whose constants are not the same.
using InstanceConstants = FATHOM_JOIN(FATHOM_INSTANCE_OP, _constants);

extern "C" {
int64_t FATHOM_INSTANCE_ITEMS(int64_t rows, const int64_t *constants);
void FATHOM_INSTANCE_SYMBOL(const fathom_dispatch_t *dispatch, const int64_t *constants, int64_t item, void *scratch);
}

/// Defines the kernel by a class with `items(rows, constants)` and `run(dispatch, constants, item, scratch)`. The
/// attribute keeps 512-bit vectors legal on processors that LLVM tunes for 256 bits.
#define FATHOM_DEFINE_KERNEL(...)                                                                                      \
  int64_t FATHOM_INSTANCE_ITEMS(int64_t rows, const int64_t *constants) {                                              \
    return __VA_ARGS__::items(rows, constants);                                                                        \
  }                                                                                                                    \
  __attribute__((min_vector_width(512))) void FATHOM_INSTANCE_SYMBOL(                                                  \
      const fathom_dispatch_t *dispatch, const int64_t *constants, int64_t item, void *scratch) {                      \
    __VA_ARGS__::run(dispatch, constants, item, scratch);                                                              \
  }

#else

/// A benchmark includes sources for their classes.
#define FATHOM_DEFINE_KERNEL(...)

#endif // FATHOM_INSTANCE_SYMBOL

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_KERNEL_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants of ops by name, for every device, and the arithmetic of sizes.
//
// Plain C++: kernels are compiled with it, and the compiler evaluates each device's instances.def with it.

#ifndef FATHOM_KERNELS_CONSTANTS_H
#define FATHOM_KERNELS_CONSTANTS_H

#include "fathom/kernel_abi.h"

/// Kernels are inlined before they are simplified: a function that is not is still a call when loops are unrolled, and
/// what it would have made a constant is none.
#define FATHOM_INLINE inline __attribute__((always_inline))

#define FATHOM_LIST(...) __VA_ARGS__

namespace fathom {

FATHOM_INLINE constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
FATHOM_INLINE constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
FATHOM_INLINE constexpr int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

// A kernel sees the rows of its source's ops alone, so that a row of another op does not compile it again.
#ifdef FATHOM_INSTANCE_ROWS
#define FATHOM_ROWS_OF_OPS FATHOM_INSTANCE_ROWS
#else
#define FATHOM_ROWS_OF_OPS "kernels/ops.def"
#endif

/// `<op>_op` has an enumerator for each of the op's constants: its index.
#define FATHOM_OP(op, inputs, outputs, constants, epilogue)                                                            \
  struct op##_op {                                                                                                     \
    enum OpConstant { FATHOM_LIST constants, kOpConstants };                                                           \
  };
#include FATHOM_ROWS_OF_OPS
#undef FATHOM_OP

} // namespace fathom

#endif // FATHOM_KERNELS_CONSTANTS_H

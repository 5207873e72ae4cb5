// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How named functions are called: what the runtime and code of graphs that were compiled as they stand agree on.

#ifndef FATHOM_FUNCTION_ABI_H
#define FATHOM_FUNCTION_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Part of a function: runs items from `first` to `end`, each of which computes something of its own. NULL, or what was
/// wrong, as of a function. There is at least one, or `first` is 0 and a tensor is empty.
typedef const char *(*fathom_nest_fn)(void *captured, int64_t first, int64_t end);

/// One call of a named function. Tensors are dense, row by row; a bool is a byte that is 0 or 1.
typedef struct fathom_function_call {
  /// [inputs], and the sizes of all their axes, one tensor after the other. Who calls has checked them against the
  /// types of the function.
  const void *const *inputs;
  const int64_t *input_sizes;
  /// [outputs], and their sizes: receive memory of `allocate`, and what it holds. Undefined after a failure.
  void **outputs;
  int64_t *output_sizes;
  /// [weights of the program]
  const void *const *weights;
  /// Memory that lives until it is released, or as long as the call, or as its outputs if it is one; aligned for any
  /// vector. NULL if there is not so much, as of a number of bytes above 2^63.
  void *(*allocate)(struct fathom_function_call *call, uint64_t bytes);
  /// Gives memory of `allocate` back.
  void (*release)(struct fathom_function_call *call, void *memory);
  /// Runs all of so many items, each of about `work` instructions, in any order and side by side. What the first one
  /// says that fails; others may then not have run.
  const char *(*run)(struct fathom_function_call *call, fathom_nest_fn nest, void *captured, int64_t items,
                     int64_t work);
} fathom_function_call_t;

/// A named function: NULL, or what was wrong with the tensors of its call, in words that live as long as the code.
typedef const char *(*fathom_function_fn)(fathom_function_call_t *call);

#ifdef __cplusplus
}
#endif

#endif // FATHOM_FUNCTION_ABI_H

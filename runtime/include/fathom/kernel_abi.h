// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How compiled model code calls a kernel.
//
// This header is one of the two contracts between compiler and runtime; kernels are written against it. It
// includes nothing but <stdint.h>, so that freestanding code can use it.
//
// A kernel K is a C++ file that defines two functions with C linkage:
//
//   int64_t K_items(int64_t rows, const int64_t *constants);
//   void    K(const fathom_dispatch_t *dispatch, const int64_t *constants, int64_t item, void *scratch);
//
// A dispatch of K runs K once for every item in [0, K_items(rows, constants)), in any order, on any number of
// threads. Items write disjoint memory, and what an item computes never depends on which thread runs it or on
// how many there are: this is what makes results bit-identical whatever `--threads` is.
//
// `constants` points to a constant array when a model is compiled, so shapes, strides and scalars fold into the
// code. Floating-point constants are the bits of a double. The order of a kernel's
// operands and constants is that of its op in kernels/ops.def.

#ifndef FATHOM_KERNEL_ABI_H
#define FATHOM_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Output columns in a panel of weights. A weight [N, K] in panels is data[ceil(N/32)][K][32], rows padded
/// with zeros; its scales are f32 [ceil(N/32)][ceil(K/128)][32].
#define FATHOM_PANEL_WIDTH 32

/// Columns of K that share one scale in a quantised weight.
#define FATHOM_SCALE_BLOCK 128

/// Tokens in a page of the latent cache, and keys in a block of attention: blocks start at multiples of it, so
/// the order of every reduction over keys depends on absolute positions only.
#define FATHOM_PAGE_TOKENS 64

/// One dispatch: what its items share. Lives on the stack of the entry point that issued it.
typedef struct fathom_dispatch {
  /// Operands in catalog order: activations, weights, results. A dense weight is a pointer to its bytes; the
  /// weights of experts are a pointer to a table of such pointers, one an expert.
  void *const *operands;
  /// Rows (tokens) of this call, at least 1.
  int64_t rows;
  /// Index of the layer whose part of the cache is used, counted over the whole model.
  int64_t layer;
  /// [rows]: position of each row's token in its sequence.
  const int32_t *positions;
  /// [rows]: the page table of each row's sequence. Page p holds the positions from p * FATHOM_PAGE_TOKENS on, as
  /// f32 [layers][FATHOM_PAGE_TOKENS][cache width].
  float *const *const *pages;
} fathom_dispatch_t;

/// Work that a host runs in parallel: called once for every item, with scratch memory of the thread that runs it.
typedef void (*fathom_task_fn)(const void *task, int64_t item, void *scratch);

#ifdef __cplusplus
}
#endif

#endif // FATHOM_KERNEL_ABI_H

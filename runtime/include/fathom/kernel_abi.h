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
/// with zeros; its scales are f32 [ceil(N/32)][ceil(K/128)][32], those of integers f16 [ceil(N/32)][ceil(K/32)][32].
#define FATHOM_PANEL_WIDTH 32

/// Columns of K that share one scale in a weight of FP8, and in one of integers.
#define FATHOM_SCALE_BLOCK 128
#define FATHOM_SCALE_GROUP 32

/// Tokens in a page of the cache, and keys in a block of attention: blocks start at multiples of it, so
/// the order of every reduction over keys depends on absolute positions only.
#define FATHOM_PAGE_TOKENS 64

/// Pages whose memory is one: rows of a layer and head lie together in all of them, so that what reads a context reads
/// long runs (docs/rationale/0029-pages-in-groups.md).
#define FATHOM_GROUP_PAGES 16

/// How rows keep their numbers: all as f32, all as bf16, as FP8 (e4m3) but for a tail of bf16, or as integers of 8
/// bits. Rows of stores are of the first three, those of activations of all but FP8.
#define FATHOM_ROW_F32 0
#define FATHOM_ROW_BF16 1
#define FATHOM_ROW_F8E4M3 2
#define FATHOM_ROW_I8 3

/// `bytes` up to the next multiple of 4, where the next part of a row begins.
static inline int64_t fathom_row_align(int64_t bytes) { return (bytes + 3) / 4 * 4; }

/// Where a row of `numbers` FP8 numbers has their scales: an f32, a power of two, for each FATHOM_SCALE_BLOCK of them.
static inline int64_t fathom_row_scales(int64_t numbers) { return fathom_row_align(numbers); }

/// Where it has its bf16 tail: behind the scales.
static inline int64_t fathom_row_tail(int64_t numbers) {
  return fathom_row_scales(numbers) + (numbers + FATHOM_SCALE_BLOCK - 1) / FATHOM_SCALE_BLOCK * 4;
}

/// Groups of FATHOM_SCALE_GROUP in a row of `numbers` integers, the last of which may be of fewer.
static inline int64_t fathom_row_groups(int64_t numbers) {
  return (numbers + FATHOM_SCALE_GROUP - 1) / FATHOM_SCALE_GROUP;
}

/// Where such a row has the scales of its groups, an f32 each.
static inline int64_t fathom_group_scales(int64_t numbers) { return fathom_row_align(numbers); }

/// Where it has, for each group, -128 times the sum of its integers, an i32: behind the scales. Products that take the
/// weight's integers + 128 need it.
static inline int64_t fathom_group_offsets(int64_t numbers) {
  return fathom_group_scales(numbers) + 4 * fathom_row_groups(numbers);
}

/// Bytes of a row of `width` numbers, of which the last `tail` are bf16 where the others are FP8 (else it is 0): a
/// multiple of 4. What is between the parts of a row is 0.
static inline int64_t fathom_row_bytes(int64_t element, int64_t width, int64_t tail) {
  if (element == FATHOM_ROW_I8) {
    return fathom_group_offsets(width) + 4 * fathom_row_groups(width);
  }
  if (element == FATHOM_ROW_F8E4M3) {
    return fathom_row_tail(width - tail) + fathom_row_align(tail * 2);
  }
  return fathom_row_align(width * (element == FATHOM_ROW_BF16 ? 2 : 4));
}

/// The cache as a call sees it: pages of one size, and a table of page indices for each row of the call. Indices do not
/// change when the memory moves, and mean the same to every device.
///
/// A page holds FATHOM_PAGE_TOKENS positions of one sequence. FATHOM_GROUP_PAGES pages share memory, in which each
/// store has a place: rows [layers][heads][FATHOM_GROUP_PAGES][FATHOM_PAGE_TOKENS], so that what attends to a head
/// reads its rows one after the other, mostly from page to page too.
typedef struct fathom_cache {
  /// Groups side by side: page i is in group i / FATHOM_GROUP_PAGES.
  char *pages;
  int64_t page_bytes;
  /// [rows]: the table of each row's sequence. Its entry p is the page of the positions from p * FATHOM_PAGE_TOKENS on.
  const int32_t *const *tables;
} fathom_cache_t;

/// Where a row of the cache is: that of `layer` and `position` in the sequence of row `row` of the call, in the store
/// that would begin `store` bytes after the start of a page alone and has `row_bytes` bytes a row; in a store of
/// several heads, `layer` is layer * heads + head. The rows of the positions up to the next multiple of
/// FATHOM_PAGE_TOKENS follow it. Nothing else knows how pages and stores lie in memory.
static inline char *fathom_cache_row(const fathom_cache_t *cache, int64_t row, int64_t layer, int64_t position,
                                     int64_t store, int64_t row_bytes) {
  uint64_t place = (uint64_t)position;
  uint32_t page = (uint32_t)cache->tables[row][place / FATHOM_PAGE_TOKENS];
  int64_t group = page / FATHOM_GROUP_PAGES, in_group = page % FATHOM_GROUP_PAGES;
  int64_t in_page = (int64_t)(place % FATHOM_PAGE_TOKENS);
  int64_t index = (layer * FATHOM_GROUP_PAGES + in_group) * FATHOM_PAGE_TOKENS + in_page;
  return cache->pages + (group * cache->page_bytes + store) * FATHOM_GROUP_PAGES + index * row_bytes;
}

/// Pages that there is memory for where there is some for `count`: whole groups.
static inline uint64_t fathom_whole_groups(uint64_t count) {
  return (count + FATHOM_GROUP_PAGES - 1) / FATHOM_GROUP_PAGES * FATHOM_GROUP_PAGES;
}

/// One dispatch: what its items share. Each thread that runs some of them has its own.
typedef struct fathom_dispatch {
  /// Operands in catalog order: activations, weights, results. A weight is a pointer to its bytes, those of experts one
  /// after the other without gaps; where they stay in a checkpoint, row by row, experts are a table of such pointers.
  void *const *operands;
  /// Rows (tokens) of this call, at least 1.
  int64_t rows;
  /// Index of the layer whose part of the cache is used, counted over the whole model.
  int64_t layer;
  /// [rows]: position of each row's token in its sequence.
  const int32_t *positions;
  const fathom_cache_t *cache;
} fathom_dispatch_t;

/// What the kernels of a call share on a GPU: in its memory, so that one graph of launches serves calls of any rows.
typedef struct fathom_step {
  int64_t rows;
  int64_t logit_rows;
  /// [rows]
  const int32_t *positions;
  fathom_cache_t cache;
} fathom_step_t;

// An entry K of a GPU's code has these parameters, pointers to memory of the device:
//
//   K(const fathom_step_t *step, const int64_t *counted, int64_t factor, int64_t layer, char *scratch, void
//   *operand...)
//
// `counted` is the member of `step` that the kernel's rows are `factor` times; if it is 0 there is nothing to do. Each
// thread of the grid has Grid.scratch_bytes of `scratch`, thread by thread, block by block. What a kernel computes does
// not depend on how many blocks there are: Grid says how many suit it.

/// A kernel: called once for every item of a dispatch, or `task`, with scratch memory of the thread that runs it.
typedef void (*fathom_task_fn)(const void *task, int64_t item, void *scratch);

/// How many items a kernel has for so many rows.
typedef int64_t (*fathom_items_fn)(int64_t rows);

#ifdef __cplusplus
}
#endif

#endif // FATHOM_KERNEL_ABI_H

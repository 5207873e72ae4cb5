// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that compiler and kernels share: threads of a block, and the memory that they share.
//
// Plain C++: the compiler evaluates instances.def with it.

#ifndef FATHOM_KERNELS_NVPTX_SIZES_H
#define FATHOM_KERNELS_NVPTX_SIZES_H

#include "kernels/constants.h"

namespace fathom::nv {

constexpr int64_t kThreads = 256;
constexpr int64_t kWarps = kThreads / 32;
/// Outputs that lie side by side in weights in panels.
constexpr int64_t kPanel = FATHOM_PANEL_WIDTH;
/// Numbers that a thread takes at a time: 16 bytes of bf16.
constexpr int64_t kChunk = 8;
/// Rows of a block where blocks are not for rows: as many as a call has at most.
constexpr int64_t kAllRows = 1 << 20;
constexpr int64_t kFloat = sizeof(float);

/// Memory that a block can have on every GPU, and on those with warpgroups.
constexpr int64_t kSharedBytes = 99 << 10, kWarpgroupSharedBytes = 227 << 10;

/// Threads for `count` numbers in chunks: whole warps, kThreads at most.
FATHOM_INLINE constexpr int64_t threads_of(int64_t count) {
  return smaller(ceil_div(ceil_div(count, kChunk), 32) * 32, kThreads);
}

/// A number of each warp, for sums over a block.
constexpr int64_t kSumBytes = kWarps * kFloat;

/// Tokens that a block of moe_gate takes, and what each needs: scores, choices and groups.
constexpr int64_t kGateWarps = 4;
FATHOM_INLINE constexpr int64_t gate_bytes(int64_t experts) { return 3 * experts * kFloat; }

/// Tiles of products in f32: outputs, rows, and steps of k in shared memory.
constexpr int64_t kExactOutputs = 64, kExactRows = 16, kExactStep = 32;

/// Steps of a product that are in shared memory, and the memory of all: that of 128 outputs of FP8 in panels and of 16
/// tokens, 128 numbers each; the tokens' rows are 16 bytes longer.
constexpr int64_t kStages = 4;
constexpr int64_t kProductBytes = kStages * (128 * 128 + 16 * (256 + 16));
/// Outputs and rows for which a grid of a product has a block.
constexpr int64_t kProductOutputs = 64, kProductRows = 64;
/// Blocks for experts, of which each takes tiles as long as there are any: a few for each processor of a large GPU.
FATHOM_INLINE constexpr int64_t expert_blocks(int64_t experts, int64_t outputs) {
  return smaller(experts * ceil_div(outputs, kProductOutputs), 264);
}

/// Where warpgroups multiply: threads that do, and those that fetch for them; places for steps of k in shared memory,
/// the bytes of one, and of all with two barriers for each.
constexpr int64_t kMultipliers = 256, kFetchers = 128, kPlaces = 6, kPlaceBytes = 33 << 10;
constexpr int64_t kRingBytes = kPlaces * (kPlaceBytes + 2 * 8);
/// Of a kernel whose products are in f32 where activations are.
FATHOM_INLINE constexpr int64_t product_threads(int64_t element) {
  return element == FATHOM_ROW_F32 ? kThreads : kMultipliers + kFetchers;
}
FATHOM_INLINE constexpr int64_t product_bytes(int64_t element) {
  return element == FATHOM_ROW_F32 ? kProductBytes : kRingBytes;
}

/// Keys of a row are attended to in parts, whose sums are added in order: so that parts can be work of different
/// blocks, and bits do not tell whether they were. Keys of a part, at least; the most parts, and the most heads of
/// all parts, which bound what parts leave in memory.
constexpr int64_t kPartKeys = 2 * FATHOM_PAGE_TOKENS, kMostParts = 128, kPartHeads = 2048;
FATHOM_INLINE constexpr int64_t most_parts(int64_t heads) {
  return greater(smaller(kPartHeads / heads, kMostParts), 1);
}
/// Keys of each part of a row that has `keys`, but for the last: whole steps, and so many that `most` parts do.
FATHOM_INLINE constexpr int64_t part_keys(int64_t keys, int64_t most) {
  return greater(ceil_div(ceil_div(keys, FATHOM_PAGE_TOKENS), most) * FATHOM_PAGE_TOKENS, kPartKeys);
}

/// Threads of a block that adds the parts of a head: one for each number of it.
FATHOM_INLINE constexpr int64_t combine_threads(int64_t width) { return smaller(ceil_div(width, 32) * 32, kThreads); }

/// Heads of a block of attention, keys of a step, and the widest values: no GPU has the memory for wider ones.
constexpr int64_t kHeads = 16, kStepKeys = 16, kMostColumns = 2048;
/// Numbers from one row in shared memory to the next: a multiple of 4, of which eight rows begin in different banks.
FATHOM_INLINE constexpr int64_t shared_stride(int64_t width) { return ceil_div(width, 32) * 32 + 4; }
/// Queries, keys, values (0: they are keys) and weights, and two factors of each head.
FATHOM_INLINE constexpr int64_t exact_attending_bytes(int64_t width, int64_t value_width) {
  int64_t rows = (kHeads + kStepKeys) * shared_stride(width) + kStepKeys * shared_stride(value_width);
  return (rows + kHeads * (kStepKeys + 2)) * kFloat;
}

static_assert(exact_attending_bytes(kMostColumns, 0) > kWarpgroupSharedBytes);

/// The same where queries, keys, values and weights are bf16, and scores are there as well: keys of a step, and bytes
/// from one row to the next, an odd number of times 16 where the width is a multiple of 16.
constexpr int64_t kMatrixKeys = FATHOM_PAGE_TOKENS;
FATHOM_INLINE constexpr int64_t matrix_stride(int64_t width) { return ceil_div(width, kChunk) * 16 + 16; }
FATHOM_INLINE constexpr int64_t matrix_attending_bytes(int64_t width, int64_t value_width, int64_t sets = 1) {
  int64_t values = value_width == 0 ? 0 : kMatrixKeys * matrix_stride(value_width), heads = sets * kHeads;
  return (heads + kMatrixKeys) * matrix_stride(width) + values +
         heads * (matrix_stride(kMatrixKeys) + (kMatrixKeys + 4 + 2) * kFloat);
}
/// The widest values of which a thread has the registers, by sets of kHeads heads.
FATHOM_INLINE constexpr int64_t most_matrix_values(int64_t sets) { return 512 / sets; }
/// Values of `value_width` are the first numbers of keys where `shared`. Widths that are multiplied as matrices: whole
/// instructions along keys, and for each warp along values, and as few as every GPU has memory for.
FATHOM_INLINE constexpr bool are_matrices(int64_t width, int64_t value_width, bool shared) {
  return width % 32 == 0 && value_width % 128 == 0 && value_width <= 512 &&
         matrix_attending_bytes(width, shared ? 0 : value_width) <= kSharedBytes;
}
/// Of a kernel that has both forms.
FATHOM_INLINE constexpr int64_t attending_bytes(int64_t width, int64_t value_width, bool shared) {
  int64_t apart = shared ? 0 : value_width, exact = exact_attending_bytes(width, apart);
  return are_matrices(width, value_width, shared) ? greater(exact, matrix_attending_bytes(width, apart)) : exact;
}

/// Heads of a block where rows of a sequence share keys, as a prompt's do: sets of matrices, or kHeads.
constexpr int64_t kSharingSets = 4;
FATHOM_INLINE constexpr bool share_by_sets(int64_t element, int64_t key, int64_t value, int64_t width) {
  return element == FATHOM_ROW_BF16 && key != FATHOM_ROW_F32 && value != FATHOM_ROW_F32 &&
         are_matrices(width, width, /*shared=*/false) && width <= most_matrix_values(kSharingSets);
}
FATHOM_INLINE constexpr int64_t sharing_heads(int64_t element, int64_t key, int64_t value, int64_t width) {
  return share_by_sets(element, key, value, width) ? kSharingSets * kHeads : kHeads;
}
FATHOM_INLINE constexpr int64_t sharing_bytes(int64_t element, int64_t key, int64_t value, int64_t width) {
  int64_t bytes = attending_bytes(width, width, /*shared=*/false);
  return share_by_sets(element, key, value, width) ? greater(bytes, matrix_attending_bytes(width, width, kSharingSets))
                                                   : bytes;
}
static_assert(matrix_attending_bytes(128, 128, kSharingSets) <= kSharedBytes);

/// Where warpgroups attend to latents: rows of a box of 64 numbers in shared memory and its bytes, boxes of a row,
/// places for keys, and the widest of them.
constexpr int64_t kBoxRows = 64, kBoxBytes = kBoxRows * 128, kTiles = 2, kMostTileWidth = 576;
FATHOM_INLINE constexpr int64_t boxes(int64_t width) { return ceil_div(width, 64); }
/// Whether they do, by elements of activations and cache and by widths.
FATHOM_INLINE constexpr bool attend_by_tiles(int64_t element, int64_t cached, int64_t width, int64_t value_width) {
  return element == FATHOM_ROW_BF16 && cached != FATHOM_ROW_F32 && are_matrices(width, value_width, /*shared=*/true) &&
         width <= kMostTileWidth;
}
/// Registers of a thread that fetches, and of one that multiplies: of 168 that each has at first.
constexpr int kRegistersToFetch = 88, kRegistersToMultiply = 208;
/// Heads of a block: those of parts, or of all keys, which takes twice the registers.
constexpr int64_t kPartTileHeads = 64, kWholeTileHeads = 32;
FATHOM_INLINE constexpr int64_t tile_heads(int64_t heads, bool parts) {
  return parts && heads > kWholeTileHeads ? kPartTileHeads : kWholeTileHeads;
}
/// Queries, keys and weights, two factors of each head, and barriers.
FATHOM_INLINE constexpr int64_t tile_bytes(int64_t width) {
  return ((1 + kTiles) * boxes(width) + 1) * kBoxBytes + 2 * kBoxRows * kFloat + (2 * kTiles + 3) * 8;
}
/// Of a kernel that has this form as well.
FATHOM_INLINE constexpr int64_t latent_threads(int64_t element, int64_t cached, int64_t width, int64_t value_width) {
  return attend_by_tiles(element, cached, width, value_width) ? kMultipliers + kFetchers : kThreads;
}
FATHOM_INLINE constexpr int64_t latent_blocks(int64_t element, int64_t cached, int64_t width, int64_t value_width,
                                              int64_t heads, bool parts) {
  return ceil_div(heads, attend_by_tiles(element, cached, width, value_width) ? tile_heads(heads, parts) : kHeads);
}
FATHOM_INLINE constexpr int64_t latent_bytes(int64_t element, int64_t cached, int64_t width, int64_t value_width) {
  return attend_by_tiles(element, cached, width, value_width) ? tile_bytes(width)
                                                              : attending_bytes(width, value_width, /*shared=*/true);
}

/// Keys of an index that are scored at a time.
constexpr int64_t kIndexKeys = FATHOM_PAGE_TOKENS;
/// Scores and positions of 2k candidates and those that are scored at a time.
FATHOM_INLINE constexpr int64_t candidate_bytes(int64_t k) { return (2 * k + kIndexKeys) * 2 * kFloat + 2 * kSumBytes; }
/// The queries of a row and keys as well.
FATHOM_INLINE constexpr int64_t index_bytes(int64_t heads, int64_t width, int64_t k) {
  return (heads + kIndexKeys) * shared_stride(width) * kFloat + candidate_bytes(k);
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_SIZES_H

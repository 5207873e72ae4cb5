// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that compiler and kernels share: constants by name, the work of an item, and the memory it takes.
//
// Plain C++: the compiler evaluates instances.def with it when it plans a model.

#ifndef FATHOM_KERNELS_CPU_SIZES_H
#define FATHOM_KERNELS_CPU_SIZES_H

#include "kernels/constants.h"

namespace fathom::cpu {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kLanes = 16;
constexpr int64_t kPanel = FATHOM_PANEL_WIDTH;
constexpr int64_t kBlock = FATHOM_SCALE_BLOCK;
constexpr int64_t kKeys = FATHOM_PAGE_TOKENS;
/// Panels that are multiplied together, so that a tile of x is copied once for all of them.
constexpr int64_t kGroup = 4;
/// Rows that tiles may write past the last one; `Sums` has room for them.
constexpr int64_t kSlackRows = 12;

/// How many of `count` things there are in the part that begins at `at`, where they are cut into parts of `size`. Where
/// all parts are whole, constants tell, and code for the rest of one goes away.
FATHOM_INLINE constexpr int64_t size_of_part(int64_t count, int64_t size, int64_t at) {
  return count % size == 0 ? size : smaller(size, count - at);
}

#ifdef FATHOM_INSTANCE_ROWS
#define FATHOM_ROWS_OF_INSTANCES FATHOM_INSTANCE_ROWS
#else
#define FATHOM_ROWS_OF_INSTANCES "kernels/cpu/instances.def"
#endif

/// `<op>_constants` has those of the op, and the one that is tuned.
#define FATHOM_INSTANCES(op, source, archs, types, layouts, tuned, value, scratch)                                     \
  struct op##_constants : op##_op {                                                                                    \
    enum TunedConstant { tuned = kOpConstants };                                                                       \
  };
#include FATHOM_ROWS_OF_INSTANCES
#undef FATHOM_INSTANCES

/// Panels an item of a product takes: enough to keep several in flight, few enough that there are items for several
/// threads.
FATHOM_INLINE constexpr int64_t panels_of_item(int64_t outputs) {
  int64_t panels = ceil_div(outputs, kPanel);
  return panels >= 32 ? 4 : panels >= 8 ? 2 : 1;
}

/// Heads an item of attention over latents takes. Each item decodes keys that are not f32 for itself: where heads are
/// many, more of them share that.
FATHOM_INLINE constexpr int64_t heads_of_item(int64_t heads, int64_t element) {
  int64_t most = element != FATHOM_ROW_F32 && heads >= 64 ? 16 : 8;
  return heads >= 16 ? most : greater(1, heads / 2);
}

/// Memory of `multiply`: decoded weights, a tile of x, scales.
struct MultiplyScratch {
  float blocks[kGroup][kBlock * kPanel];
  float tile[kSlackRows * kBlock];
  float scales[kGroup][kPanel];
};

/// Floats in the memory of `count` structs.
template <class Struct>
FATHOM_INLINE constexpr int64_t floats(int64_t count) {
  return count * static_cast<int64_t>(sizeof(Struct) / sizeof(float));
}

/// Bytes of activations as f32; none where they are.
FATHOM_INLINE constexpr int64_t numbers_scratch(int64_t element, int64_t count) {
  return element == FATHOM_ROW_F32 ? 0 : count * kFloat;
}

/// Floats of the `Sums` of some panels for some rows.
FATHOM_INLINE constexpr int64_t sums_size(int64_t panels, int64_t rows) {
  return panels * (rows + kSlackRows) * kPanel;
}

/// What a product takes: MultiplyScratch, then the sums of a group of panels.
FATHOM_INLINE constexpr int64_t product_scratch(int64_t rows) {
  return (floats<MultiplyScratch>(1) + sums_size(kGroup, rows)) * kFloat;
}

/// Scores, choices and groups of moe_gate, each with room for a whole vector behind it.
FATHOM_INLINE constexpr int64_t gate_scratch(int64_t experts) { return 3 * (experts + kLanes) * kFloat; }

/// A counter for each expert.
FATHOM_INLINE constexpr int64_t permute_scratch(int64_t experts) {
  return experts * static_cast<int64_t>(sizeof(int32_t));
}

/// What a query has seen so far: the largest score and the sum of exp(score - largest).
struct SoftmaxState {
  float largest;
  float total;
};

/// A head of a row, attending to cached rows.
struct AttendingHead {
  const float *query;
  float *out;
  float weights[kKeys];
  SoftmaxState state;
  float factor;
};

/// Floats of a block of keys that is decoded before it is used; none where rows are f32.
FATHOM_INLINE constexpr int64_t decoded_size(int64_t element, int64_t width) {
  return element == FATHOM_ROW_F32 ? 0 : kKeys * width;
}

/// Keys that are decoded at a time for their scores, at least as many as a tile has, and numbers of values.
constexpr int64_t kScoredKeys = 4;
constexpr int64_t kColumnsOfValues = 64;

/// Floats of what attention decodes at a time: some keys, or some numbers of a block of values.
FATHOM_INLINE constexpr int64_t attended_size(int64_t element, int64_t width) {
  return element == FATHOM_ROW_F32 ? 0 : greater(kScoredKeys * width, kKeys * kColumnsOfValues);
}
/// The same where keys and values are of stores of their own.
FATHOM_INLINE constexpr int64_t attended_size(int64_t key_element, int64_t value_element, int64_t width) {
  return greater(attended_size(key_element, width), attended_size(value_element, width));
}

/// Bytes of an item of attention: its heads, what they decode, and as f32 the `numbers` that each reads and writes.
FATHOM_INLINE constexpr int64_t attending_scratch(int64_t heads, int64_t decoded, int64_t element, int64_t numbers) {
  return (floats<AttendingHead>(heads) + decoded) * kFloat + numbers_scratch(element, heads * numbers);
}

/// Rows of an item of gqa_attention: a block of keys stays in the cache for all of them; few rows are spread over
/// threads.
FATHOM_INLINE constexpr int64_t attended_rows(int64_t rows) { return rows >= 64 ? 8 : 1; }

/// A position and its score, while the best are sought.
struct Candidate {
  float score;
  int32_t position;
};

/// Floats of `count` candidates, in whole vectors.
FATHOM_INLINE constexpr int64_t candidates_size(int64_t count) {
  return floats<Candidate>(ceil_div(count, kLanes) * kLanes);
}

/// A tile of AMX: rows, numbers of bf16 in a row, and in all; heads whose tiles are multiplied with those of a key.
constexpr int64_t kTileRows = 16;
constexpr int64_t kTileDepth = 32;
constexpr int64_t kTileNumbers = kTileRows * kTileDepth;
constexpr int64_t kTileHeads = 64;

/// What a screen of keys has where; heads and depth are those of whole tiles. `Place` is a float pointer, or an int64_t
/// to measure: counted in floats.
template <class Place>
struct ScreenScratch {
  int64_t heads, depth;
  Place queries;  ///< bf16 [heads / 64][depth / 32][high, low][4 tiles]
  Place weights;  ///< [heads]
  Place keys;     ///< bf16 [2][high, low], tiles
  Place squares;  ///< [depth / 32][16]: lanes of the largest sums of squares
  Place products; ///< [16 keys][16 heads]
  Place decoded;  ///< [2][16 keys][depth] where they are not stored as f32
  Place end;

  FATHOM_INLINE constexpr ScreenScratch(Place begin, int64_t H, int64_t d)
      : heads(ceil_div(H, kTileHeads) * kTileHeads), depth(ceil_div(d, kTileDepth) * kTileDepth), queries(begin),
        weights(queries + heads * depth), keys(weights + heads), squares(keys + 2 * kTileNumbers),
        products(squares + depth / 2), decoded(products + kTileRows * kLanes), end(decoded + 2 * kTileRows * depth) {}
};

/// Candidates that there are at once while k are sought.
FATHOM_INLINE constexpr int64_t searched_candidates(int64_t k) { return 2 * k + kKeys; }

/// What an item that seeks the best keys of d numbers has where. `Place` as above.
template <class Place>
struct IndexScratch {
  Place begin; ///< Candidate [candidates]
  Place query; ///< [H][d] where it is not f32
  Place panel; ///< [d][32 keys]
  Place block; ///< [64 keys][d]
  ScreenScratch<Place> screen;
  Place end;

  FATHOM_INLINE constexpr IndexScratch(Place begin, int64_t H, int64_t d, int64_t element, int64_t candidates)
      : begin(begin), query(begin + candidates_size(candidates)),
        panel(query + numbers_scratch(element, H * d) / kFloat), block(panel + d * kPanel),
        screen(block + kKeys * d, H, d), end(screen.end) {}

  FATHOM_INLINE Candidate *candidates() const { return reinterpret_cast<Candidate *>(begin); }
};

} // namespace fathom::cpu

#endif // FATHOM_KERNELS_CPU_SIZES_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The stores of a checked artifact's cache. Sizes do not overflow: a page is checked to hold them.

#ifndef FATHOM_RUNTIME_SRC_STORES_H
#define FATHOM_RUNTIME_SRC_STORES_H

#include "fathom/artifact_generated.h"
#include "fathom/kernel_abi.h"
#include "runtime/device/device.h"

namespace fathom::runtime {

static_assert(int(artifact::StoreElement::f32) == FATHOM_ROW_F32 &&
                  int(artifact::StoreElement::bf16) == FATHOM_ROW_BF16 &&
                  int(artifact::StoreElement::f8e4m3) == FATHOM_ROW_F8E4M3 &&
                  int(artifact::StoreElement::int8) == FATHOM_ROW_I8 &&
                  artifact::StoreElement::MAX == artifact::StoreElement::int8,
              "rows are what kernels take them for");

/// Bytes of a row: what a store keeps of one position in one layer and head.
inline uint64_t rowBytes(const artifact::Store &store) {
  return static_cast<uint64_t>(fathom_row_bytes(static_cast<int64_t>(store.element()), store.width(), store.tail()));
}

/// Rows that a store keeps of one position.
inline uint64_t rowsOf(const artifact::Store &store) { return uint64_t(store.layers()) * store.heads(); }

/// The last of them, in layers beyond the model's own: those that draft have the same stores.
inline uint64_t draftRowsOf(const artifact::Artifact &contents, const artifact::Store &store) {
  uint32_t layers = contents.model()->layers();
  return store.layers() > layers ? uint64_t(store.layers() - layers) * store.heads() : 0;
}

/// What --cache-type calls a store's numbers. Compilers make all stores of an artifact alike.
inline const char *cacheTypeOf(artifact::StoreElement element) {
  constexpr const char *kNames[] = {"f32", "bf16", "fp8"};
  return kNames[static_cast<int>(element)];
}

/// Where row |index| of rowsOf(store) of |position| is, in bytes from the first page, in the sequence that has |pages|.
/// The rows of the positions up to the end of the page follow it.
inline uint64_t rowOffset(const CacheMemory &cache, const int32_t *pages, const artifact::Store &store, uint64_t index,
                          uint32_t position) {
  fathom_cache_t view = {reinterpret_cast<char *>(cache.pages), static_cast<int64_t>(cache.pageBytes), &pages};
  int64_t offset = static_cast<int64_t>(store.offset()), bytes = static_cast<int64_t>(rowBytes(store));
  return static_cast<uint64_t>(fathom_cache_row(&view, 0, static_cast<int64_t>(index), position, offset, bytes) -
                               view.pages);
}

/// Bytes that all stores keep of one position.
inline uint64_t positionBytes(const artifact::Artifact &contents) {
  uint64_t bytes = 0;
  for (const artifact::Store *store : *contents.cache()->stores()) {
    bytes += rowsOf(*store) * rowBytes(*store);
  }
  return bytes;
}

/// The part of them in layers that draft.
inline uint64_t draftBytes(const artifact::Artifact &contents) {
  uint64_t bytes = 0;
  for (const artifact::Store *store : *contents.cache()->stores()) {
    bytes += draftRowsOf(contents, *store) * rowBytes(*store);
  }
  return bytes;
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_STORES_H

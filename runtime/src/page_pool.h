// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages of one size, in groups side by side in memory of a device that grows.

#ifndef FATHOM_RUNTIME_SRC_PAGE_POOL_H
#define FATHOM_RUNTIME_SRC_PAGE_POOL_H

#include "runtime/device/device.h"
#include "runtime/src/buffer.h"

namespace fathom::runtime {

/// No page's index.
constexpr int32_t kNoPage = -1;

/// Pages are known by their index, so the memory may move when it grows: an address is good until the next take().
/// Memory that no page has touched is only address space, and pages that come back are kept for reuse. A free page
/// holds what it held: whoever takes it reads only what they wrote.
class PagePool {
public:
  PagePool() = default;
  PagePool(const PagePool &) = delete;
  PagePool &operator=(const PagePool &) = delete;

  /// |limitBytes| 0: no limit. INVALID_ARGUMENT if that is less than a page. It bounds pages: memory is for whole
  /// groups.
  fathom_status_t initialize(const MemorySpace &space, uint64_t bytesOfPage, uint64_t limitBytes);

  /// A page of anyone's; false if there is none.
  bool tryTake(int32_t *outPage);
  /// For whom there was none: OUT_OF_RESOURCES at the limit, else what it is that the device has no memory.
  fathom_status_t failTake() const;
  void giveBack(int32_t page);

  /// Groups of pages, one after the other.
  DeviceMemory &memory() { return pages; }
  const DeviceMemory &memory() const { return pages; }
  uint64_t pageBytes() const { return bytesPerPage; }
  /// Of all pages that were ever taken.
  uint64_t usedBytes() const { return next.size() * bytesPerPage; }

private:
  /// Makes room for |count| pages. False if there is none; what is there stays.
  bool makeRoom(uint64_t count);

  DeviceMemory pages;
  uint64_t bytesPerPage = 0;
  uint64_t most = 0;
  /// Of each page that was ever taken, the next page in the list of free ones.
  Buffer<int32_t> next;
  int32_t firstFree = kNoPage;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_PAGE_POOL_H

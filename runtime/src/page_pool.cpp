// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory that grows by half, and a list of the pages in it that are free.

#include "runtime/src/page_pool.h"

#include "fathom/kernel_abi.h"
#include "runtime/src/memory.h"

namespace fathom::runtime {

constexpr uint64_t kMostPages = INT32_MAX;

fathom_status_t PagePool::initialize(const MemorySpace &space, uint64_t bytesOfPage, uint64_t limitBytes) {
  pages.open(space);
  bytesPerPage = bytesOfPage;
  most = limitBytes ? limitBytes / bytesPerPage : kMostPages;
  most = most < kMostPages ? most : kMostPages;
  if (most == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "a cache of %llu bytes cannot hold a page of %llu",
                static_cast<unsigned long long>(limitBytes), static_cast<unsigned long long>(bytesPerPage));
  }
  return FATHOM_STATUS_OK;
}

bool PagePool::makeRoom(uint64_t count) {
  uint64_t needed;
  if (count > most || !multiply(fathom_whole_groups(count), bytesPerPage, &needed) || needed > INT64_MAX) {
    return false;
  }
  // By half, so that each page moves a few times at most; and where there is not enough memory for that, by what is
  // needed.
  return needed <= pages.size() || pages.grow(needed + pages.size() / 2) || pages.grow(needed);
}

bool PagePool::tryTake(int32_t *outPage) {
  if (firstFree != kNoPage) {
    *outPage = firstFree;
    firstFree = next[firstFree];
    return true;
  }
  size_t used = next.size();
  if (!makeRoom(used + 1) || !next.push(kNoPage)) {
    return false;
  }
  *outPage = static_cast<int32_t>(used);
  return true;
}

fathom_status_t PagePool::failTake() const {
  auto bytes = static_cast<unsigned long long>(bytesPerPage);
  const Device &device = pages.device();
  return next.size() < most
             ? fail(device.outOfMemory, "the device '%s' has no memory for a page of the cache (%llu bytes)",
                    device.name, bytes)
             : fail(FATHOM_STATUS_OUT_OF_RESOURCES,
                    "not enough memory for a page of the cache (%llu bytes); the session's cache_bytes are used up",
                    bytes);
}

void PagePool::giveBack(int32_t page) {
  next[page] = firstFree;
  firstFree = page;
}

} // namespace fathom::runtime

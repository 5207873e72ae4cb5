// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mapping that grows by half, and a list of the pages in it that are free.

#include "runtime/src/page_pool.h"

#include "runtime/src/memory.h"

#include <sys/mman.h>

namespace fathom::runtime {

constexpr uint64_t kMostPages = INT32_MAX;

PagePool::~PagePool() {
  if (bytes) {
    munmap(bytes, mapped);
  }
}

fathom_status_t PagePool::initialize(uint64_t bytesOfPage, uint64_t limitBytes) {
  bytesPerPage = bytesOfPage;
  most = limitBytes ? limitBytes / bytesPerPage : kMostPages;
  most = most < kMostPages ? most : kMostPages;
  if (most == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "a cache of %llu bytes cannot hold a page of %llu",
                static_cast<unsigned long long>(limitBytes), static_cast<unsigned long long>(bytesPerPage));
  }
  return FATHOM_STATUS_OK;
}

bool PagePool::resize(uint64_t size) {
  void *memory = bytes ? mremap(bytes, mapped, size, MREMAP_MAYMOVE)
                       : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  // Attention streams pages: where the machine can, an entry of its tables is for 2 MiB, not for 4 KiB.
  madvise(memory, size, MADV_HUGEPAGE);
  bytes = static_cast<char *>(memory);
  mapped = size;
  return true;
}

bool PagePool::makeRoom(uint64_t pages) {
  uint64_t needed;
  if (pages > most || !multiply(pages, bytesPerPage, &needed) || needed > INT64_MAX) {
    return false;
  }
  // By half, so that each page moves a few times at most; and where there is not enough memory for that, by what is
  // needed.
  return needed <= mapped || resize(needed + mapped / 2) || resize(needed);
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

fathom_status_t PagePool::take(int32_t *outPage) {
  return tryTake(outPage)
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a page of the cache (%llu bytes)%s",
                    static_cast<unsigned long long>(bytesPerPage),
                    next.size() < most ? "" : "; the session's cache_bytes are used up");
}

void PagePool::giveBack(int32_t page) {
  next[page] = firstFree;
  firstFree = page;
}

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mappings.

#include "runtime/device/cpu/cpu_memory.h"

#include <sys/mman.h>

namespace fathom::runtime {

static bool take(void *mapping, uint64_t size, DeviceAddress *memory) {
  if (mapping == MAP_FAILED) {
    return false;
  }
  // Attention streams pages: where the machine can, an entry of its tables is for 2 MiB, not for 4 KiB.
  madvise(mapping, size, MADV_HUGEPAGE);
  *memory = reinterpret_cast<DeviceAddress>(mapping);
  return true;
}

bool allocateMemory(uint64_t size, DeviceAddress *memory) {
  return take(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size, memory);
}

void freeMemory(DeviceAddress memory, uint64_t size) { munmap(pointerTo(memory), size); }

bool growMemory(DeviceAddress *memory, uint64_t size, uint64_t newSize) {
  return take(mremap(pointerTo(*memory), size, newSize, MREMAP_MAYMOVE), newSize, memory);
}

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocates and frees.

#include "runtime/device/cuda/cuda_memory.h"

#include <stdio.h>

namespace fathom::runtime::cuda {

static fathom_status_t checkAllocation(const Gpu &gpu, CUresult result, uint64_t size, const char *what) {
  char doing[96];
  snprintf(doing, sizeof(doing), "have %llu bytes for %s", static_cast<unsigned long long>(size), what);
  return gpu.check(result, doing);
}

CudaMemory::~CudaMemory() {
  if (memory) {
    GpuScope scope(*gpu);
    gpu->driver().free(memory);
  }
}

fathom_status_t CudaMemory::allocate(const Gpu &newGpu, uint64_t size, const char *what) {
  gpu = &newGpu;
  CUdeviceptr made = 0;
  CUresult result = size > 0 ? gpu->driver().allocate(&made, size) : kSuccess;
  memory = result == kSuccess ? made : 0;
  return checkAllocation(*gpu, result, size, what);
}

PinnedMemory::~PinnedMemory() {
  if (memory) {
    GpuScope scope(*gpu);
    gpu->driver().freeHost(memory);
  }
}

fathom_status_t PinnedMemory::allocate(const Gpu &newGpu, uint64_t size, const char *what) {
  gpu = &newGpu;
  void *made = nullptr;
  CUresult result = size > 0 ? gpu->driver().allocateHost(&made, size, 0) : kSuccess;
  memory = result == kSuccess ? static_cast<char *>(made) : nullptr;
  bytes = memory ? size : 0;
  return checkAllocation(*gpu, result, size, what);
}

} // namespace fathom::runtime::cuda

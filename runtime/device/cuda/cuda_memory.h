// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory of a GPU, and memory of the host that its driver may copy by itself, each as long as an object lives.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_CUDA_MEMORY_H
#define FATHOM_RUNTIME_DEVICE_CUDA_CUDA_MEMORY_H

#include "runtime/device/cuda/gpu.h"

namespace fathom::runtime::cuda {

class CudaMemory {
public:
  CudaMemory() = default;
  CudaMemory(const CudaMemory &) = delete;
  CudaMemory &operator=(const CudaMemory &) = delete;
  ~CudaMemory();

  /// Once; of no bytes it is nowhere. |gpu| outlives this, and the caller is in its scope. |what| is for the message.
  fathom_status_t allocate(const Gpu &gpu, uint64_t size, const char *what);
  CUdeviceptr address() const { return memory; }

private:
  const Gpu *gpu = nullptr;
  CUdeviceptr memory = 0;
};

class PinnedMemory {
public:
  PinnedMemory() = default;
  PinnedMemory(const PinnedMemory &) = delete;
  PinnedMemory &operator=(const PinnedMemory &) = delete;
  ~PinnedMemory();

  /// As CudaMemory::allocate.
  fathom_status_t allocate(const Gpu &gpu, uint64_t size, const char *what);
  char *data() const { return memory; }
  uint64_t size() const { return bytes; }

private:
  const Gpu *gpu = nullptr;
  char *memory = nullptr;
  uint64_t bytes = 0;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_CUDA_MEMORY_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes between the memory of the host and that of a GPU, through staging of bounded size.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_TRANSFERS_H
#define FATHOM_RUNTIME_DEVICE_CUDA_TRANSFERS_H

#include "runtime/device/cuda/gpu.h"

#include <pthread.h>

namespace fathom::runtime::cuda {

/// All calls are done when they return, so that whoever runs kernels next finds what they left. From any thread.
class Transfers {
public:
  Transfers() = default;
  Transfers(const Transfers &) = delete;
  Transfers &operator=(const Transfers &) = delete;
  ~Transfers();

  /// |gpu| outlives this; the caller is in its scope.
  fathom_status_t open(const Gpu &gpu);

  fathom_status_t upload(CUdeviceptr to, const void *from, uint64_t size);
  fathom_status_t readBack(void *to, CUdeviceptr from, uint64_t size);
  fathom_status_t copy(CUdeviceptr to, CUdeviceptr from, uint64_t size);

private:
  /// What the GPU reads itself, and the stream in which it does. Of two one is filled while the other is read.
  struct Lane {
    char *staging;
    CUstream stream;
  };

  fathom_status_t finish(const Lane &lane);

  const Gpu *gpu = nullptr;
  Lane lanes[2] = {};
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_TRANSFERS_H

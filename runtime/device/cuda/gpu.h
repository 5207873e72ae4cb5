// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A GPU of this machine: what it can do, its context, and what its driver answers.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_GPU_H
#define FATHOM_RUNTIME_DEVICE_CUDA_GPU_H

#include "runtime/device/cuda/driver.h"
#include "runtime/src/status.h"

namespace fathom::runtime::cuda {

/// What a driver says of a GPU.
struct GpuFacts {
  CUdevice device;
  char name[96];
  /// Its architecture, as sm_<major * 10 + minor>.
  unsigned architecture;
  unsigned multiprocessors;
  /// Shared memory that a block may have.
  unsigned sharedBytes;
  uint64_t memoryBytes;
};

/// The facts of GPU |number|. DEVICE if there is none of that number.
fathom_status_t findGpu(const DriverTable &driver, uint32_t number, GpuFacts *facts);

/// How many GPUs the driver has; none is not an error.
fathom_status_t countGpus(const DriverTable &driver, uint32_t *count);

/// FATHOM_STATUS_OK for kSuccess. DEVICE for all others, with what could not be done, what the driver calls it, and
/// what helps.
fathom_status_t checkResult(const DriverTable &driver, CUresult result, const char *doing);

/// A GPU that is used.
class Gpu {
public:
  Gpu() = default;
  Gpu(const Gpu &) = delete;
  Gpu &operator=(const Gpu &) = delete;
  ~Gpu();

  fathom_status_t open(const DriverTable &driver, uint32_t number);

  const DriverTable &driver() const { return *table; }
  const GpuFacts &facts() const { return own; }
  CUcontext context() const { return current; }
  fathom_status_t check(CUresult result, const char *doing) const { return checkResult(*table, result, doing); }

private:
  const DriverTable *table = nullptr;
  GpuFacts own = {};
  CUcontext current = nullptr;
};

/// The calling thread's calls of the driver are for a GPU, until the scope ends.
class GpuScope {
public:
  explicit GpuScope(const Gpu &gpu)
      : gpu(gpu), status(gpu.check(gpu.driver().pushContext(gpu.context()), "use the GPU")) {}
  GpuScope(const GpuScope &) = delete;
  GpuScope &operator=(const GpuScope &) = delete;
  ~GpuScope() {
    CUcontext before;
    if (status == FATHOM_STATUS_OK) {
      gpu.driver().popContext(&before);
    }
  }

private:
  const Gpu &gpu;

public:
  const fathom_status_t status;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_GPU_H

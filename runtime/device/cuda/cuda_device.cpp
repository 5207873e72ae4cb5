// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What devices over a driver share, and the one over NVIDIA's.

#include "runtime/device/cuda/cuda_device.h"

#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/cuda/driver_library.h"
#include "runtime/device/cuda/gpu_target.h"

#include <stdio.h>

namespace fathom::runtime {

namespace cuda {
fathom_status_t checkGpu(OpenDriver open, uint32_t number, const artifact::Target &target) {
  const DriverTable *driver;
  GpuFacts facts;
  FATHOM_RETURN_IF_ERROR(open(&driver));
  FATHOM_RETURN_IF_ERROR(findGpu(*driver, number, &facts));
  return checkTarget(facts, target);
}

fathom_status_t describeGpu(OpenDriver open, uint32_t number, char *text, size_t size) {
  const DriverTable *driver;
  GpuFacts facts;
  FATHOM_RETURN_IF_ERROR(open(&driver));
  FATHOM_RETURN_IF_ERROR(findGpu(*driver, number, &facts));
  snprintf(text, size, "%s, sm_%u, %llu MiB", facts.name, facts.architecture,
           static_cast<unsigned long long>(facts.memoryBytes >> 20));
  return FATHOM_STATUS_OK;
}

bool allocate(const CudaProgram &program, uint64_t size, DeviceAddress *memory) {
  GpuScope scope(program.gpu());
  return scope.status == FATHOM_STATUS_OK && program.gpu().driver().allocate(memory, size) == kSuccess;
}

void free(const CudaProgram &program, DeviceAddress memory) {
  GpuScope scope(program.gpu());
  program.gpu().driver().free(memory);
}
} // namespace cuda

const Device kCudaDevice = cuda::deviceOver<cuda::openDriverLibrary>("cuda", /*isOnlyByName=*/false);

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulator's table as that of a device.

#include "runtime/device/ptxsim/ptxsim_device.h"

#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/cuda/gpu_target.h"
#include "runtime/device/ptxsim/ptxsim.h"

#include <cstdlib>

namespace fathom::runtime {

static fathom_status_t openSimulator(const cuda::DriverTable **driver) {
  *driver = &ptxsim::driver();
  return FATHOM_STATUS_OK;
}

// As long as nobody uses it, it may become another one.
static fathom_status_t check(uint32_t number, const artifact::Target &target) {
  unsigned architecture = cuda::architectureOf(target);
  if (architecture > 0 && ptxsim::holdings().contexts == 0) {
    ptxsim::Options options;
    if (const char *seed = std::getenv("FATHOM_PTXSIM_SEED")) {
      options.seed = std::strtoull(seed, nullptr, 10);
    }
    options.major = static_cast<int>(architecture / 10);
    options.minor = static_cast<int>(architecture % 10);
    ptxsim::reset(options);
  }
  return cuda::checkGpu(openSimulator, number, target);
}

static constexpr Device makeDevice() {
  Device device = cuda::deviceOver<openSimulator>("ptxsim", /*isOnlyByName=*/true);
  device.check = check;
  return device;
}

const Device kPtxsimDevice = makeDevice();

} // namespace fathom::runtime

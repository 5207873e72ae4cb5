// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The device over the simulator's driver.

#include "runtime/device/ptxsim/ptxsim_device.h"

#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/ptxsim/ptxsim.h"

#include <cstdlib>

namespace fathom::runtime {

static bool startSimulator() {
  ptxsim::Options options;
  options.major = 9;
  if (const char *seed = std::getenv("FATHOM_PTXSIM_SEED")) {
    options.seed = std::strtoull(seed, nullptr, 10);
  }
  ptxsim::reset(options);
  return true;
}

static fathom_status_t openSimulator(const cuda::DriverTable **driver) {
  static const bool started = startSimulator();
  *driver = started ? &ptxsim::driver() : nullptr;
  return FATHOM_STATUS_OK;
}

const Device kPtxsimDevice = cuda::deviceOver<openSimulator>("ptxsim", /*isOnlyByName=*/true);

} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// That of the runtime, but for whom it is there.

#include "test/runtime/simulated_device.h"

#include "runtime/device/ptxsim/ptxsim_device.h"

namespace fathom::test {

using runtime::Device;

static Device makeSimulated() {
  Device device = runtime::kPtxsimDevice;
  device.isOnlyByName = false;
  return device;
}

const Device kSimulatedDevice = makeSimulated();

} // namespace fathom::test

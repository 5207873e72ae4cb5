// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of devices of the compiler's programs, which can afford a simulator.

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/device/ptxsim/ptxsim_device.h"

namespace fathom::runtime {

const Device *const *devices() {
  static constexpr const Device *kDevices[] = {&kCpuDevice, &kCudaDevice, &kPtxsimDevice, nullptr};
  return kDevices;
}

} // namespace fathom::runtime

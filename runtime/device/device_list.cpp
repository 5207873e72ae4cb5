// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of devices, alone in its file: a program that links the runtime may have another one in its place.

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"

namespace fathom::runtime {

const Device *const *devices() {
  static constexpr const Device *kDevices[] = {&kCpuDevice, &kCudaDevice, nullptr};
  return kDevices;
}

} // namespace fathom::runtime

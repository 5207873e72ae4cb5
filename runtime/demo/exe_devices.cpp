// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of devices of static executables: drivers are loaded into dynamic programs alone.

#include "runtime/device/cpu/cpu_device.h"

namespace fathom::runtime {

const Device *const *devices() {
  static constexpr const Device *kDevices[] = {&kCpuDevice, nullptr};
  return kDevices;
}

} // namespace fathom::runtime

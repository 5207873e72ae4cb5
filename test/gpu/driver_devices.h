// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Devices over the driver of the GPU that FATHOM_TEST_DEVICE names: NVIDIA's for "cuda", else the simulator's.

#ifndef FATHOM_TEST_GPU_DRIVER_DEVICES_H
#define FATHOM_TEST_GPU_DRIVER_DEVICES_H

#include "runtime/device/device.h"
#include "runtime/device/ptxsim/ptxsim.h"

namespace fathom::test {

/// As every user has it, and each call of the driver is counted.
extern const runtime::Device &kCountedDevice;

/// The same, but the driver has no graphs: what launches one launches its kernels one by one, in the order in which
/// commands are listed.
extern const runtime::Device &kEagerDevice;

/// Calls of a function of the driver since clearCalls().
uint64_t callsOf(runtime::ptxsim::Call function);
void clearCalls();

} // namespace fathom::test

#endif // FATHOM_TEST_GPU_DRIVER_DEVICES_H

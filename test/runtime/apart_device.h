// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device without hardware, so that nobody who has only a CPU forgets that memory of a device is elsewhere.

#ifndef FATHOM_TEST_RUNTIME_APART_DEVICE_H
#define FATHOM_TEST_RUNTIME_APART_DEVICE_H

#include "runtime/device/device.h"

namespace fathom::test {

/// Runs the CPU's artifacts, on the CPU, in memory of its own: its addresses are none that a processor takes, it has
/// its own copy of weights and of each array of a call, new memory holds anything but zeros, and moves to grow. It ends
/// the process where an address or a page is not its own, or memory is freed after the code it was for.
extern const runtime::Device kApartDevice;

/// The device that models are loaded on from now on, and another one that there is. In the beginning: "apart",
/// "fakecuda" or "ptxsim" if FATHOM_TEST_DEVICE says so, else the CPU.
void useDevice(const runtime::Device &device, const runtime::Device *second = nullptr);
/// As in the beginning.
void resetDevice();
const runtime::Device &usedDevice();

} // namespace fathom::test

#endif // FATHOM_TEST_RUNTIME_APART_DEVICE_H

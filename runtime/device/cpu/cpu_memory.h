// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory of the CPU as a device, as runtime/device/device.h has it: addresses are those of the host.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CPU_MEMORY_H
#define FATHOM_RUNTIME_DEVICE_CPU_CPU_MEMORY_H

#include "runtime/device/device.h"

namespace fathom::runtime {

/// What is at an address of the CPU's memory.
inline void *pointerTo(DeviceAddress address) { return reinterpret_cast<void *>(address); }

/// Address space; what nobody touches takes no memory.
bool allocateMemory(uint64_t size, DeviceAddress *memory);
void freeMemory(DeviceAddress memory, uint64_t size);
/// Moves pages, not what they hold.
bool growMemory(DeviceAddress *memory, uint64_t size, uint64_t newSize);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CPU_MEMORY_H

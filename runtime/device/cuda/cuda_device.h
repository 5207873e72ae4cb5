// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA's GPUs as a device.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_H
#define FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_H

#include "runtime/device/device.h"

namespace fathom::runtime {

extern const Device kCudaDevice;

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulated GPU as a device, which runs artifacts for NVIDIA's GPUs where there is none.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H

#include "runtime/device/device.h"

namespace fathom::runtime {

/// Of compute capability 9.0. FATHOM_PTXSIM_SEED, a number, says in which order warps take turns.
extern const Device kPtxsimDevice;

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H

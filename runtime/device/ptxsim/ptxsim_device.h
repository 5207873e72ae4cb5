// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulated GPU as a device, for those alone who ask for it.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H

#include "runtime/device/device.h"

namespace fathom::runtime {

/// It is of whatever architecture the first program wants.
extern const Device kPtxsimDevice;

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_DEVICE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulated GPU as tests have it: as the device that models are loaded on.

#ifndef FATHOM_TEST_RUNTIME_SIMULATED_DEVICE_H
#define FATHOM_TEST_RUNTIME_SIMULATED_DEVICE_H

#include "runtime/device/device.h"

namespace fathom::test {

/// That of `--device=ptxsim`, for whoever asks for none.
extern const runtime::Device kSimulatedDevice;

} // namespace fathom::test

#endif // FATHOM_TEST_RUNTIME_SIMULATED_DEVICE_H

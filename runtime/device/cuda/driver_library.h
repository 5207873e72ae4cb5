// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA's driver, as it is installed.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_LIBRARY_H
#define FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_LIBRARY_H

#include "runtime/device/cuda/driver.h"
#include "runtime/src/status.h"

namespace fathom::runtime::cuda {

/// Finds the driver of this machine, once. DEVICE if there is none, or one too old to have all functions.
fathom_status_t openDriverLibrary(const DriverTable **driver);

/// As dlsym: NULL for what a library lacks.
using FindSymbol = void *(*)(void *library, const char *symbol);

/// Fills |table| with what |find| finds in an open library.
void bindDriver(void *library, FindSymbol find, DriverTable *table);

/// DEVICE, with what to do, if |driver| lacks a function that is not optional.
fathom_status_t checkDriver(const DriverTable &driver);

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_LIBRARY_H

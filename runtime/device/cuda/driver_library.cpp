// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libcuda.so.1, opened where it is needed: artifacts for processors run on machines without it.

#include "runtime/device/cuda/driver_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

namespace fathom::runtime::cuda {

static constexpr const char *kLibrary = "libcuda.so.1";

static void *library = nullptr;
/// Why it is not there.
static char reason[256];
static DriverTable table;

void bindDriver(void *handle, FindSymbol find, DriverTable *bound) {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters)                                                                 \
  bound->name = reinterpret_cast<CUresult(*) parameters>(find(handle, #symbol));
#include "runtime/device/cuda/driver.def"
}

// The first of all that it must have.
static const char *missing(const DriverTable &driver) {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters)                                                                 \
  if (!driver.name) {                                                                                                  \
    return #symbol;                                                                                                    \
  }
#define FATHOM_CUDA_OPTIONAL_FUNCTION(name, symbol, parameters)
#include "runtime/device/cuda/driver.def"
  return nullptr;
}

fathom_status_t checkDriver(const DriverTable &driver) {
  const char *symbol = missing(driver);
  if (!symbol) {
    return FATHOM_STATUS_OK;
  }
  fail(FATHOM_STATUS_DEVICE, "the NVIDIA driver is too old: %s has no %s; install that of CUDA 11.8 or later", kLibrary,
       symbol);
  int version = 0;
  if (driver.driverVersion && driver.driverVersion(&version) == kSuccess) {
    failAlso(FATHOM_STATUS_DEVICE, " (this one is of CUDA %d.%d)", version / 1000, version % 1000 / 10);
  }
  return FATHOM_STATUS_DEVICE;
}

// It stays: what it holds of a process ends with that.
static void openOnce() {
  library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library) {
    bindDriver(library, dlsym, &table);
  } else {
    snprintf(reason, sizeof(reason), "%s", dlerror());
  }
}

fathom_status_t openDriverLibrary(const DriverTable **driver) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, openOnce);
  if (!library) {
    return fail(FATHOM_STATUS_DEVICE,
                "no NVIDIA driver: %s cannot be loaded (%s); install the driver, or run a model of "
                "--target=cpu with --device=cpu",
                kLibrary, reason);
  }
  *driver = &table;
  return checkDriver(table);
}

} // namespace fathom::runtime::cuda

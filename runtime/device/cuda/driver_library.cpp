// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libcuda.so.1, opened where it is needed: artifacts for processors run on machines without it.

#include "runtime/device/cuda/driver_library.h"

#include <dlfcn.h>
#include <pthread.h>

namespace fathom::runtime::cuda {

static constexpr const char *kLibrary = "libcuda.so.1";

namespace {
struct Library {
  void *handle;
  /// The first symbol that it lacks.
  const char *missing;
  DriverTable table;
};
} // namespace

static Library library;

const char *bindDriver(void *handle, DriverTable *table) {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters)                                                                 \
  table->name = reinterpret_cast<CUresult(*) parameters>(dlsym(handle, #symbol));                                      \
  if (!table->name) {                                                                                                  \
    return #symbol;                                                                                                    \
  }
#include "runtime/device/cuda/driver.def"
  return nullptr;
}

// It stays: what it holds of a process ends with that.
static void openOnce() {
  library.handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  library.missing = library.handle ? bindDriver(library.handle, &library.table) : nullptr;
}

fathom_status_t openDriverLibrary(const DriverTable **driver) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, openOnce);
  if (!library.handle) {
    return fail(FATHOM_STATUS_DEVICE,
                "no NVIDIA driver: %s cannot be loaded; install the driver, or compile the model with --target=cpu",
                kLibrary);
  }
  if (library.missing) {
    return fail(FATHOM_STATUS_DEVICE, "the NVIDIA driver is too old: %s has no %s; install that of CUDA 11.4 or later",
                kLibrary, library.missing);
  }
  *driver = &library.table;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime::cuda

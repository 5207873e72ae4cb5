// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulator's table as that of a device.

#include "runtime/device/ptxsim/ptxsim_device.h"

#include "runtime/device/cuda/cuda_device_table.h"
#include "runtime/device/cuda/gpu_target.h"
#include "runtime/device/ptxsim/ptxsim.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace fathom::runtime {

static fathom_status_t openSimulator(const cuda::DriverTable **driver) {
  *driver = &ptxsim::driver();
  return FATHOM_STATUS_OK;
}

static fathom_status_t readSeed(uint64_t *seed) {
  const char *text = std::getenv("FATHOM_PTXSIM_SEED");
  if (text == nullptr) {
    return FATHOM_STATUS_OK;
  }
  const char *end = text + std::strlen(text);
  auto parsed = std::from_chars(text, end, *seed);
  return parsed.ec == std::errc() && parsed.ptr == end
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_INVALID_ARGUMENT, "FATHOM_PTXSIM_SEED is '%s', not a number from 0 to 2^64 - 1",
                    text);
}

// As long as nobody uses it, it may become another one.
static fathom_status_t check(uint32_t number, const artifact::Target &target) {
  unsigned architecture = cuda::architectureOf(target);
  ptxsim::Options options;
  if (fathom_status_t status = readSeed(&options.seed); status != FATHOM_STATUS_OK) {
    return status;
  }
  if (architecture > 0) {
    options.major = static_cast<int>(architecture / 10);
    options.minor = static_cast<int>(architecture % 10);
    ptxsim::resetIfUnused(options);
  }
  return cuda::checkGpu(openSimulator, number, target);
}

static fathom_status_t run(void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call,
                           const CacheMemory &cache) {
  cuda::CudaExecutor &own = cuda::executorOf(executor);
  ptxsim::endLaunchesWhen(own.cancelled());
  fathom_status_t status = own.run(entry, call, cache);
  ptxsim::endLaunchesWhen(nullptr);
  bool isCancelled = own.cancelled() != nullptr && *own.cancelled();
  return status != FATHOM_STATUS_OK && isCancelled ? fail(FATHOM_STATUS_CANCELLED, "cancelled") : status;
}

static constexpr Device makeDevice() {
  Device device = cuda::deviceOver<openSimulator>("ptxsim", /*isOnlyByName=*/true);
  device.check = check;
  device.run = run;
  return device;
}

const Device kPtxsimDevice = makeDevice();

} // namespace fathom::runtime

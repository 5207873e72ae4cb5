// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks a driver for its GPUs, and says what it answers.

#include "runtime/device/cuda/gpu.h"

namespace fathom::runtime::cuda {

namespace {
/// What helps where results from |first| to |last| come back.
struct Advice {
  CUresult first, last;
  const char *text;
};
} // namespace

static constexpr const char *kOtherGpu = "; the artifact's code is not for this GPU: compile it with --sm for it";
/// Once a kernel has failed, nothing of the process works on this GPU.
static constexpr const char *kLost = "; the GPU is lost to this process: start the program again";

static constexpr Advice kAdvice[] = {
    {kOutOfMemory, kOutOfMemory,
     "; the GPU has no memory left for this: end what else uses it, have fewer or shorter sequences, or take a larger "
     "one"},
    {kNoDevice, kNoDevice, "; this machine has no NVIDIA GPU that the driver can use: nvidia-smi says why"},
    {kInvalidImage, kInvalidImage, kOtherGpu},
    {kNoBinaryForGpu, kNoBinaryForGpu, kOtherGpu},
    {kInvalidPtx, kInvalidPtx, "; the artifact is damaged, or the compiler has a mistake"},
    {kUnsupportedPtxVersion, kUnsupportedPtxVersion,
     "; the driver is older than the code: install a newer one, or compile where ptxas is found"},
    {kIllegalAddress, kIllegalAddress, kLost},
    {kLaunchTimeout, kLaunchTimeout, kLost},
    {kStackError, kLaunchFailed, kLost},
};

fathom_status_t checkResult(const DriverTable &driver, CUresult result, const char *doing) {
  if (result == kSuccess) {
    return FATHOM_STATUS_OK;
  }
  const char *name = nullptr, *text = nullptr;
  driver.errorName(result, &name);
  driver.errorString(result, &text);
  fail(FATHOM_STATUS_DEVICE, "cannot %s: %s (%d, %s)", doing, name ? name : "unknown error", result,
       text ? text : "of which the driver says nothing");
  for (const Advice &advice : kAdvice) {
    if (result >= advice.first && result <= advice.last) {
      failAlso(FATHOM_STATUS_DEVICE, "%s", advice.text);
    }
  }
  return FATHOM_STATUS_DEVICE;
}

fathom_status_t countGpus(const DriverTable &driver, uint32_t *count) {
  *count = 0;
  int found = 0;
  CUresult result = driver.init(0);
  result = result == kSuccess ? driver.deviceCount(&found) : result;
  *count = result == kSuccess && found > 0 ? static_cast<uint32_t>(found) : 0;
  return result == kNoDevice ? FATHOM_STATUS_OK : checkResult(driver, result, "start the NVIDIA driver");
}

static fathom_status_t readFacts(const DriverTable &driver, GpuFacts *facts) {
  int major = 0, minor = 0, multiprocessors = 0, shared = 0;
  size_t bytes = 0;
  const struct {
    int number;
    int *value;
  } attributes[] = {{kComputeCapabilityMajor, &major},
                    {kComputeCapabilityMinor, &minor},
                    {kMultiprocessorCount, &multiprocessors},
                    {kMaxSharedMemoryPerBlockOptin, &shared}};
  CUresult result = driver.deviceName(facts->name, sizeof(facts->name), facts->device);
  for (const auto &attribute : attributes) {
    result = result == kSuccess ? driver.deviceAttribute(attribute.value, attribute.number, facts->device) : result;
  }
  result = result == kSuccess ? driver.deviceMemory(&bytes, facts->device) : result;
  facts->name[sizeof(facts->name) - 1] = '\0';
  facts->architecture = static_cast<unsigned>(major * 10 + minor);
  facts->multiprocessors = multiprocessors > 0 ? static_cast<unsigned>(multiprocessors) : 1;
  facts->sharedBytes = static_cast<unsigned>(shared);
  facts->memoryBytes = bytes;
  return checkResult(driver, result, "ask for the GPU");
}

fathom_status_t findGpu(const DriverTable &driver, uint32_t number, GpuFacts *facts) {
  uint32_t count;
  FATHOM_RETURN_IF_ERROR(countGpus(driver, &count));
  if (count == 0) {
    return checkResult(driver, kNoDevice, "find a GPU");
  }
  if (number >= count) {
    return fail(FATHOM_STATUS_DEVICE, "there is no GPU %u: this machine has %u, counted from 0", number, count);
  }
  FATHOM_RETURN_IF_ERROR(
      checkResult(driver, driver.deviceGet(&facts->device, static_cast<int>(number)), "find the GPU"));
  return readFacts(driver, facts);
}

Gpu::~Gpu() {
  if (current) {
    table->releaseContext(own.device);
  }
}

fathom_status_t Gpu::open(const DriverTable &driver, uint32_t number) {
  table = &driver;
  FATHOM_RETURN_IF_ERROR(findGpu(driver, number, &own));
  CUcontext context = nullptr;
  FATHOM_RETURN_IF_ERROR(check(driver.retainContext(&context, own.device), "start work on the GPU"));
  current = context;
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime::cuda

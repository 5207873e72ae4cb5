// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of the driver: table, device, context, module, memory.

#include "runtime/device/ptxsim/driver_functions.h"

#include <cstdlib>
#include <cstring>

namespace fathom::runtime::ptxsim {

using namespace cuda;

namespace {
struct ResultRow {
  CUresult result;
  const char *name, *text;
};
} // namespace

static constexpr ResultRow kResults[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {kInvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {kUnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the PTX was compiled with an unsupported toolchain"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

static const ResultRow *findResult(CUresult result) {
  for (const ResultRow &row : kResults) {
    if (row.result == result) {
      return &row;
    }
  }
  return nullptr;
}

CUresult simulateErrorName(Driver &, CUresult result, const char **name) {
  const ResultRow *row = findResult(result);
  *name = row == nullptr ? nullptr : row->name;
  return row == nullptr ? kInvalidValue : kSuccess;
}

CUresult simulateErrorString(Driver &driver, CUresult result, const char **text) {
  const ResultRow *row = findResult(result);
  // What a kernel did wrong says more than the name of the error that it led to. Other threads may change the report
  // while the caller reads it.
  thread_local std::string report;
  report = driver.report;
  *text = row == nullptr ? nullptr : !report.empty() ? report.c_str() : row->text;
  return row == nullptr ? kInvalidValue : kSuccess;
}

// --- Device and context ---------------------------------------------------------------------------------------------

CUresult simulateInit(Driver &driver, unsigned flags) {
  driver.initialized = flags == 0;
  return flags == 0 ? kSuccess : kInvalidValue;
}

CUresult simulateDriverVersion(Driver &, int *version) {
  *version = 12040;
  return kSuccess;
}

CUresult simulateDeviceCount(Driver &, int *count) {
  *count = 1;
  return kSuccess;
}

CUresult simulateDeviceGet(Driver &, CUdevice *device, int ordinal) {
  *device = 0;
  return ordinal == 0 ? kSuccess : kInvalidDevice;
}

CUresult simulateDeviceName(Driver &, char *name, int size, CUdevice device) {
  static constexpr char kName[] = "ptxsim";
  if (device != 0 || size <= 0) {
    return device != 0 ? kInvalidDevice : kInvalidValue;
  }
  std::strncpy(name, kName, static_cast<size_t>(size));
  name[size - 1] = '\0';
  return kSuccess;
}

CUresult simulateDeviceAttribute(Driver &driver, int *value, int attribute, CUdevice device) {
  // Bytes of shared memory that a block can have, of 8.0 and of 9.0.
  const int shared = driver.options.major >= 9 ? 232448 : 166912;
  const std::pair<int, int> values[] = {{kMultiprocessorCount, static_cast<int>(driver.options.multiprocessors)},
                                        {kComputeCapabilityMajor, driver.options.major},
                                        {kComputeCapabilityMinor, driver.options.minor},
                                        {kMaxSharedMemoryPerBlockOptin, shared}};
  for (auto [known, number] : values) {
    if (known == attribute) {
      *value = number;
      return device == 0 ? kSuccess : kInvalidDevice;
    }
  }
  return kInvalidValue;
}

CUresult simulateDeviceMemory(Driver &driver, size_t *bytes, CUdevice device) {
  *bytes = driver.options.memoryBytes;
  return device == 0 ? kSuccess : kInvalidDevice;
}

CUresult simulateRetainContext(Driver &driver, CUcontext *context, CUdevice device) {
  if (device != 0) {
    return kInvalidDevice;
  }
  ++driver.retained;
  *context = reinterpret_cast<CUcontext>(&driver);
  return kSuccess;
}

/// With the last one goes what was made in it, and what was broken in it.
CUresult simulateReleaseContext(Driver &driver, CUdevice device) {
  if (device != 0 || driver.retained == 0) {
    return device != 0 ? kInvalidDevice : kInvalidContext;
  }
  if (--driver.retained == 0) {
    driver.broken = kSuccess;
    driver.report.clear();
    driver.executables.clear();
    driver.graphs.clear();
    driver.events.clear();
    driver.streams.clear();
    driver.modules.clear();
    driver.memory.releaseAll();
  }
  return kSuccess;
}

CUresult simulatePushContext(Driver &driver, CUcontext context) {
  if (reinterpret_cast<Driver *>(context) != &driver || driver.retained == 0) {
    return kInvalidContext;
  }
  driver.current.push_back(context);
  return kSuccess;
}

CUresult simulatePopContext(Driver &driver, CUcontext *context) {
  if (driver.current.empty()) {
    return kInvalidContext;
  }
  if (context != nullptr) {
    *context = driver.current.back();
  }
  driver.current.pop_back();
  return kSuccess;
}

// --- Modules --------------------------------------------------------------------------------------------------------

/// Where the caller wants to know what is wrong with a module.
static void writeLog(const std::string &text, unsigned options, const int *names, void **values) {
  char *buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < options; ++i) {
    if (names[i] == kJitErrorLogBuffer) {
      buffer = static_cast<char *>(values[i]);
    } else if (names[i] == kJitErrorLogBufferSizeBytes) {
      size = reinterpret_cast<uintptr_t>(values[i]);
    }
  }
  if (buffer != nullptr && size != 0) {
    size_t length = std::min(size - 1, text.size());
    std::memcpy(buffer, text.data(), length);
    buffer[length] = '\0';
  }
}

CUresult simulateLoadModule(Driver &driver, CUmodule *module, const void *image, unsigned options, int *names,
                            void **values) {
  const auto *text = static_cast<const char *>(image);
  if (text == nullptr) {
    return kInvalidValue;
  }
  if (std::strncmp(text, "\177ELF", 4) == 0) {
    return kNoBinaryForGpu; // a cubin: there is no such machine here
  }
  auto loaded = std::make_unique<LoadedModule>(driver.memory);
  Problem problem;
  CUresult result = loaded->load(text, driver.options.major, driver.options.minor, problem);
  if (result != kSuccess) {
    driver.report = "ptxsim: PTX line " + std::to_string(problem.line) + ": " + problem.text;
    writeLog(driver.report, options, names, values);
    return result;
  }
  *module = reinterpret_cast<CUmodule>(loaded.get());
  driver.modules.push_back(std::move(loaded));
  return kSuccess;
}

CUresult simulateUnloadModule(Driver &driver, CUmodule module) { return destroy(driver.modules, module); }

CUresult simulateFindFunction(Driver &driver, CUfunction *function, CUmodule module, const char *name) {
  size_t position = positionOf(driver.modules, module);
  if (position == driver.modules.size()) {
    return kInvalidHandle;
  }
  LoadedFunction *found = driver.modules[position]->find(name);
  *function = reinterpret_cast<CUfunction>(found);
  return found == nullptr ? kNotFound : kSuccess;
}

CUresult simulateSetFunctionAttribute(Driver &driver, CUfunction function, int attribute, int value) {
  auto *loaded = reinterpret_cast<LoadedFunction *>(function);
  if (!driver.owns(loaded)) {
    return kInvalidHandle;
  }
  int most = 0;
  simulateDeviceAttribute(driver, &most, kMaxSharedMemoryPerBlockOptin, 0);
  int64_t sum = int64_t{value} + static_cast<int64_t>(loaded->kernel.sharedBytes);
  if (attribute != kMaxDynamicSharedSizeBytes || value < 0 || sum > most) {
    return kInvalidValue;
  }
  loaded->mostDynamicShared = static_cast<uint64_t>(value);
  return kSuccess;
}

} // namespace fathom::runtime::ptxsim

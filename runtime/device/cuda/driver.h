// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA's driver API as a table of functions, so that what drives a GPU drives a simulated one as well.
//
// Nothing of CUDA is needed to build: what the API takes is declared here, as its reference documents it.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_H
#define FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

namespace fathom::runtime::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct ContextHandle *;
using CUmodule = struct ModuleHandle *;
using CUfunction = struct FunctionHandle *;
using CUstream = struct StreamHandle *;
using CUevent = struct EventHandle *;
using CUgraph = struct GraphHandle *;
using CUgraphNode = struct GraphNodeHandle *;
using CUgraphExec = struct GraphExecHandle *;

/// CUDA_KERNEL_NODE_PARAMS, its first version.
struct KernelNodeParameters {
  CUfunction function;
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  /// Pointers to the values of parameters, which are copied.
  void **parameters;
  void **extra;
};

// Results that the device tells apart.
constexpr CUresult kSuccess = 0;
constexpr CUresult kInvalidValue = 1;
constexpr CUresult kOutOfMemory = 2;
constexpr CUresult kNoDevice = 100;
constexpr CUresult kInvalidDevice = 101;
constexpr CUresult kInvalidImage = 200;
constexpr CUresult kNoBinaryForGpu = 209;
constexpr CUresult kInvalidPtx = 218;
constexpr CUresult kUnsupportedPtxVersion = 222;
constexpr CUresult kInvalidHandle = 400;
constexpr CUresult kNotFound = 500;
constexpr CUresult kIllegalAddress = 700;
constexpr CUresult kLaunchTimeout = 702;
constexpr CUresult kStackError = 714;
constexpr CUresult kMisalignedAddress = 716;
constexpr CUresult kLaunchFailed = 719;

// Attributes of devices and functions, and options of loading.
constexpr int kMultiprocessorCount = 16;
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
constexpr int kMaxSharedMemoryPerBlockOptin = 97;
constexpr int kMaxDynamicSharedSizeBytes = 8;
constexpr int kJitErrorLogBuffer = 5;
constexpr int kJitErrorLogBufferSizeBytes = 6;
/// Of a stream: it does not wait for the default one.
constexpr unsigned kNonBlocking = 1;

/// The functions of a driver; optional ones may be NULL.
struct DriverTable {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters) CUresult(*name) parameters;
#include "runtime/device/cuda/driver.def"
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_DRIVER_H

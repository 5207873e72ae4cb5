// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of the simulated driver, which its functions share.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_STATE_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_STATE_H

#include "runtime/device/ptxsim/launch.h"
#include "runtime/device/ptxsim/loaded_module.h"
#include "runtime/device/ptxsim/ptxsim.h"

#include <mutex>
#include <optional>

namespace fathom::runtime::ptxsim {

/// A kernel with the values of its parameters.
struct KernelCall {
  LoadedFunction *function;
  Dimensions blocks, threads;
  uint64_t sharedBytes;
  std::vector<uint8_t> parameters;
};

/// `time`: what kernels had executed when it was recorded; none: it was not.
struct DriverEvent {
  std::optional<uint64_t> time;
};

struct Graph {
  struct Node {
    /// Without a function where `event` is not NULL, which is recorded instead.
    KernelCall call;
    cuda::CUevent event = nullptr;
    /// Indices of nodes that run before.
    std::vector<size_t> earlier;
  };
  std::vector<std::unique_ptr<Node>> nodes;
};

/// A graph as it was when it was instantiated.
struct Executable {
  std::vector<Graph::Node> nodes;
};

struct Stream {};

/// Handles are the addresses of what they stand for.
struct Driver {
  explicit Driver(const Options &options) : options(options), memory(options.memoryBytes), random(options.seed) {}

  Options options;
  DeviceMemory memory;
  Random random;
  bool initialized = false;
  unsigned retained = 0;
  std::vector<cuda::CUcontext> current;
  /// What a kernel did wrong stays, until the context is released.
  cuda::CUresult broken = cuda::kSuccess;
  /// Of the call that was last, or of the launch that broke the context.
  std::string report;
  uint64_t launches = 0;
  /// Of warps, in all launches: what counters count can be cleared.
  uint64_t instructions = 0;

  std::vector<std::unique_ptr<LoadedModule>> modules;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<DriverEvent>> events;
  std::vector<std::unique_ptr<Graph>> graphs;
  std::vector<std::unique_ptr<Executable>> executables;
  std::map<void *, size_t> hostMemory;

  DriverCounters counters;
  struct Fault {
    uint64_t after = 0;
    cuda::CUresult result = cuda::kSuccess;
    bool forever = false;
  };
  Fault faults[kCalls];

  /// Counts a call; what it is made to return, if it is.
  cuda::CUresult enter(Call call);
  bool owns(const LoadedFunction *function) const;
  cuda::CUresult run(const KernelCall &call);
  cuda::CUresult makeCall(const cuda::KernelNodeParameters &parameters, KernelCall &call);

  ~Driver();
};

/// The only one, and the mutex that is held by all that use it.
std::unique_ptr<Driver> &driverState();
std::mutex &driverMutex();

/// The position of what a handle stands for in `list`, or its size.
template <class T, class Handle>
size_t positionOf(const std::vector<std::unique_ptr<T>> &list, Handle handle) {
  size_t position = 0;
  while (position < list.size() &&
         static_cast<const void *>(list[position].get()) != static_cast<const void *>(handle)) {
    ++position;
  }
  return position;
}

/// Forgets it; kInvalidHandle if there is none.
template <class T, class Handle>
cuda::CUresult destroy(std::vector<std::unique_ptr<T>> &list, Handle handle) {
  size_t position = positionOf(list, handle);
  if (position == list.size()) {
    return cuda::kInvalidHandle;
  }
  list.erase(list.begin() + static_cast<ptrdiff_t>(position));
  return cuda::kSuccess;
}

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_STATE_H

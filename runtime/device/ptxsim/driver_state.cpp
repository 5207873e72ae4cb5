// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulated driver's state: counting, faults, launches.

#include "runtime/device/ptxsim/driver_state.h"

#include <cstdlib>
#include <cstring>
#include <thread>

namespace fathom::runtime::ptxsim {

/// What a block has of shared memory without asking for more by an attribute, and threads at most.
static constexpr uint64_t kPlainShared = 48 << 10;
static constexpr uint64_t kMostThreads = 1024;

std::mutex &driverMutex() {
  static std::mutex mutex;
  return mutex;
}

std::unique_ptr<Driver> &driverState() {
  static std::unique_ptr<Driver> state = std::make_unique<Driver>(Options());
  return state;
}

Driver::~Driver() {
  for (auto &[memory, bytes] : hostMemory) {
    std::free(memory);
  }
}

void reset(const Options &options) {
  std::lock_guard<std::mutex> lock(driverMutex());
  driverState() = std::make_unique<Driver>(options);
}

void resetIfUnused(const Options &options) {
  std::lock_guard<std::mutex> lock(driverMutex());
  if (driverState()->retained == 0) {
    driverState() = std::make_unique<Driver>(options);
  }
}

void setSeed(uint64_t seed) {
  std::lock_guard<std::mutex> lock(driverMutex());
  driverState()->options.seed = seed;
  driverState()->random = Random(seed);
}

std::string lastReport() {
  std::lock_guard<std::mutex> lock(driverMutex());
  return driverState()->report;
}

DriverCounters counters() {
  std::lock_guard<std::mutex> lock(driverMutex());
  return driverState()->counters;
}

void clearCounters() {
  std::lock_guard<std::mutex> lock(driverMutex());
  driverState()->counters = {};
}

Holdings holdings() {
  std::lock_guard<std::mutex> lock(driverMutex());
  const Driver &state = *driverState();
  return {state.memory.count(), state.hostMemory.size(), state.modules.size(),     state.streams.size(),
          state.events.size(),  state.graphs.size(),     state.executables.size(), state.retained};
}

void failCall(Call call, uint64_t nth, cuda::CUresult result, bool forever) {
  std::lock_guard<std::mutex> lock(driverMutex());
  driverState()->faults[static_cast<size_t>(call)] = {nth, result, forever};
}

cuda::CUresult Driver::enter(Call call) {
  ++counters.calls[static_cast<size_t>(call)];
  Fault &fault = faults[static_cast<size_t>(call)];
  if (fault.after == 0 || (fault.after > 1 && --fault.after != 0)) {
    return cuda::kSuccess;
  }
  if (!fault.forever) {
    fault.after = 0;
  }
  return fault.result;
}

bool Driver::owns(const LoadedFunction *function) const {
  for (const auto &module : modules) {
    if (module->owns(function)) {
      return true;
    }
  }
  return false;
}

static bool isDivided(const Dimensions &grid, const Dimensions &cluster) {
  return grid.x % cluster.x == 0 && grid.y % cluster.y == 0 && grid.z % cluster.z == 0;
}

cuda::CUresult Driver::makeCall(const cuda::KernelNodeParameters &parameters, KernelCall &call) {
  auto *function = reinterpret_cast<LoadedFunction *>(parameters.function);
  if (!owns(function)) {
    return cuda::kInvalidHandle;
  }
  const Kernel &kernel = function->kernel;
  call.function = function;
  call.blocks = {parameters.gridX, parameters.gridY, parameters.gridZ};
  call.threads = {parameters.blockX, parameters.blockY, parameters.blockZ};
  call.sharedBytes = parameters.sharedBytes;
  uint64_t threads = call.threads.count();
  bool fits = threads != 0 && threads <= kMostThreads && call.blocks.count() != 0 && call.blocks.y <= 65535 &&
              call.blocks.z <= 65535 && call.threads.z <= 64 && call.blocks.x <= INT32_MAX;
  fits = fits && (kernel.mostThreads.x == 0 || threads <= kernel.mostThreads.count());
  const Dimensions &exact = kernel.exactThreads;
  fits =
      fits && (exact.x == 0 || (exact.x == call.threads.x && exact.y == call.threads.y && exact.z == call.threads.z));
  fits = fits && (kernel.cluster.x == 0 || (kernel.cluster.count() <= 16 && kernel.cluster.count() != 0 &&
                                            isDivided(call.blocks, kernel.cluster)));
  fits = fits &&
         (call.sharedBytes + kernel.sharedBytes <= kPlainShared || call.sharedBytes <= function->mostDynamicShared);
  bool hasParameters = parameters.parameters != nullptr || kernel.parameters.empty();
  if (!fits || !hasParameters || parameters.extra != nullptr) {
    report =
        "kernel " + kernel.name + ": grid, block, shared memory or parameters are not what it can be launched with";
    return cuda::kInvalidValue;
  }
  // Nothing says how many the caller has and how large they are: like the driver, this trusts the module.
  call.parameters.assign(kernel.parameterBytes, 0);
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const Kernel::Parameter &parameter = kernel.parameters[i];
    if (parameters.parameters[i] == nullptr) {
      report = "kernel " + kernel.name + ": parameter " + std::to_string(i) + " is null";
      return cuda::kInvalidValue;
    }
    std::memcpy(call.parameters.data() + parameter.offset, parameters.parameters[i], parameter.bytes);
  }
  return cuda::kSuccess;
}

static thread_local const std::atomic<bool> *endFlag = nullptr;

void endLaunchesWhen(const std::atomic<bool> *flag) { endFlag = flag; }

cuda::CUresult Driver::run(const KernelCall &call) {
  Grid grid;
  grid.kernel = &call.function->kernel;
  grid.blocks = call.blocks;
  grid.threads = call.threads;
  grid.cluster = grid.kernel->cluster.x == 0 ? Dimensions{1, 1, 1} : grid.kernel->cluster;
  grid.dynamicShared = call.sharedBytes;
  grid.parameters = call.parameters;
  grid.memory = &memory;
  grid.id = ++launches;
  grid.seed = options.seed * 0x9e3779b97f4a7c15 + launches;
  grid.budget = options.budget;
  grid.cancelled = endFlag;
  grid.multiprocessors = std::max(options.multiprocessors, 1u);
  unsigned threads = options.threads != 0 ? options.threads : std::max(std::thread::hardware_concurrency(), 1u);
  memory.forgetTouched();
  Counters executed;
  Finding finding = runGrid(grid, threads, executed);
  instructions += executed.instructions;
  ++counters.kernels;
  counters.executed.add(executed);
  KernelCounters &kernel = counters.byKernel[grid.kernel->name];
  ++kernel.launches;
  kernel.executed.add(executed);
  if (finding.result != cuda::kSuccess) {
    broken = finding.result == cuda::kLaunchTimeout ? broken : finding.result;
    report = finding.text;
  }
  return finding.result;
}

} // namespace fathom::runtime::ptxsim

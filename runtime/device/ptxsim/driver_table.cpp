// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver's table: every function locks, counts, and does what the context allows.

#include "runtime/device/ptxsim/driver_functions.h"

namespace fathom::runtime::ptxsim {

/// Those that work before init.
static bool needsInit(Call call) {
  return call != Call::init && call != Call::driverVersion && call != Call::errorName && call != Call::errorString;
}

/// Those that work without a context that is current.
static bool needsContext(Call call) { return needsInit(call) && (call < Call::deviceCount || call > Call::popContext); }

/// Those that come between a call that fails and the question why.
static bool keepsReport(Call call) {
  return call == Call::errorName || call == Call::errorString || call == Call::pushContext || call == Call::popContext;
}

static cuda::CUresult enter(Driver &driver, Call call) {
  if (driver.broken == cuda::kSuccess && !keepsReport(call)) {
    driver.report.clear();
  }
  if (cuda::CUresult result = driver.enter(call); result != cuda::kSuccess) {
    return result;
  }
  if (needsInit(call) && !driver.initialized) {
    return kNotInitialized;
  }
  return needsContext(call) && driver.current.empty() ? kInvalidContext : cuda::kSuccess;
}

/// The driver's function for a function with the state.
template <Call call, auto function>
struct Entry;

template <Call call, class... Parameters, cuda::CUresult (*function)(Driver &, Parameters...)>
struct Entry<call, function> {
  static cuda::CUresult run(Parameters... parameters) {
    std::lock_guard<std::mutex> lock(driverMutex());
    Driver &state = *driverState();
    cuda::CUresult result = enter(state, call);
    return result == cuda::kSuccess ? function(state, parameters...) : result;
  }
};

const cuda::DriverTable &driver() {
  static constexpr cuda::DriverTable kTable = {
      .init = Entry<Call::init, simulateInit>::run,
      .driverVersion = Entry<Call::driverVersion, simulateDriverVersion>::run,
      .errorName = Entry<Call::errorName, simulateErrorName>::run,
      .errorString = Entry<Call::errorString, simulateErrorString>::run,
      .deviceCount = Entry<Call::deviceCount, simulateDeviceCount>::run,
      .deviceGet = Entry<Call::deviceGet, simulateDeviceGet>::run,
      .deviceName = Entry<Call::deviceName, simulateDeviceName>::run,
      .deviceAttribute = Entry<Call::deviceAttribute, simulateDeviceAttribute>::run,
      .deviceMemory = Entry<Call::deviceMemory, simulateDeviceMemory>::run,
      .retainContext = Entry<Call::retainContext, simulateRetainContext>::run,
      .releaseContext = Entry<Call::releaseContext, simulateReleaseContext>::run,
      .pushContext = Entry<Call::pushContext, simulatePushContext>::run,
      .popContext = Entry<Call::popContext, simulatePopContext>::run,
      .loadModule = Entry<Call::loadModule, simulateLoadModule>::run,
      .unloadModule = Entry<Call::unloadModule, simulateUnloadModule>::run,
      .findFunction = Entry<Call::findFunction, simulateFindFunction>::run,
      .setFunctionAttribute = Entry<Call::setFunctionAttribute, simulateSetFunctionAttribute>::run,
      .memoryInfo = Entry<Call::memoryInfo, simulateMemoryInfo>::run,
      .allocate = Entry<Call::allocate, simulateAllocate>::run,
      .free = Entry<Call::free, simulateFree>::run,
      .allocateHost = Entry<Call::allocateHost, simulateAllocateHost>::run,
      .freeHost = Entry<Call::freeHost, simulateFreeHost>::run,
      .upload = Entry<Call::upload, simulateUpload>::run,
      .readBack = Entry<Call::readBack, simulateReadBack>::run,
      .copy = Entry<Call::copy, simulateCopy>::run,
      .createStream = Entry<Call::createStream, simulateCreateStream>::run,
      .destroyStream = Entry<Call::destroyStream, simulateDestroyStream>::run,
      .synchronize = Entry<Call::synchronize, simulateSynchronize>::run,
      .launch = Entry<Call::launch, simulateLaunch>::run,
      .createEvent = Entry<Call::createEvent, simulateCreateEvent>::run,
      .destroyEvent = Entry<Call::destroyEvent, simulateDestroyEvent>::run,
      .elapsedTime = Entry<Call::elapsedTime, simulateElapsedTime>::run,
      .createGraph = Entry<Call::createGraph, simulateCreateGraph>::run,
      .destroyGraph = Entry<Call::destroyGraph, simulateDestroyGraph>::run,
      .addKernelNode = Entry<Call::addKernelNode, simulateAddKernelNode>::run,
      .addEventNode = Entry<Call::addEventNode, simulateAddEventNode>::run,
      .instantiateGraph = Entry<Call::instantiateGraph, simulateInstantiateGraph>::run,
      .destroyExecutable = Entry<Call::destroyExecutable, simulateDestroyExecutable>::run,
      .launchGraph = Entry<Call::launchGraph, simulateLaunchGraph>::run,
      .encodeTiledMap = Entry<Call::encodeTiledMap, simulateEncodeTiledMap>::run,
  };
  return kTable;
}

} // namespace fathom::runtime::ptxsim

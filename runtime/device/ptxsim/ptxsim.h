// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A simulated GPU behind the table of a CUDA driver: it executes PTX on the CPU and checks what it does.
//
// Streams and launches run at once, before the call returns. A launch whose kernel does something wrong returns the
// error that a device would, and so does all that follows until the context is released; the text is lastReport().
// There is one device in a process; its state is guarded, so that any thread may call.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_H

#include "runtime/device/cuda/driver.h"
#include "runtime/device/ptxsim/counters.h"

#include <atomic>
#include <cstddef>
#include <map>
#include <string>

namespace fathom::runtime::ptxsim {

struct Options {
  /// Of the order in which warps, and nodes of graphs, take turns.
  uint64_t seed = 1;
  /// Of the host; 0: as many as there are.
  unsigned threads = 0;
  /// Compute capability.
  int major = 8, minor = 0;
  unsigned multiprocessors = 16;
  uint64_t memoryBytes = uint64_t{4} << 30;
  /// Instructions of warps that a block may execute: more is an endless loop.
  uint64_t budget = uint64_t{1} << 32;
};

/// The functions of driver.def.
enum class Call : unsigned {
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters) name,
#include "runtime/device/cuda/driver.def"
  Count,
};
constexpr size_t kCalls = static_cast<size_t>(Call::Count);

/// Of one kernel, over its launches.
struct KernelCounters {
  uint64_t launches = 0;
  Counters executed;
};

struct DriverCounters {
  uint64_t calls[kCalls] = {};
  /// Kernels that ran, by launches and by nodes of graphs.
  uint64_t kernels = 0;
  uint64_t bytesUploaded = 0, bytesReadBack = 0, bytesCopied = 0;
  Counters executed;
  /// By symbol.
  std::map<std::string, KernelCounters> byKernel = {};

  uint64_t of(Call call) const { return calls[static_cast<size_t>(call)]; }
};

/// What exists: all 0 when everything was given back.
struct Holdings {
  size_t allocations, hostAllocations, modules, streams, events, graphs, executables, contexts;
};

const cuda::DriverTable &driver();

/// Begins with a new device: handles and addresses of before are not valid any more, counters are 0.
void reset(const Options &options);
/// The same, unless somebody holds the context: then nothing.
void resetIfUnused(const Options &options);
/// The next launches run with this seed.
void setSeed(uint64_t seed);

/// From now on launches of this thread end soon when |flag| is true: with kLaunchTimeout, and whatever they have
/// written by then; the context works on. NULL: they end by themselves, as in the beginning.
void endLaunchesWhen(const std::atomic<bool> *flag);

/// What the last call did wrong, or the launch after which nothing works; empty if nothing.
/// What errorString() returns stays until the thread asks again.
std::string lastReport();

DriverCounters counters();
void clearCounters();
Holdings holdings();

/// The `nth` call of a function from now on, 1 for the next, does nothing and returns `result`; with `forever` so do
/// all after it.
void failCall(Call call, uint64_t nth, cuda::CUresult result, bool forever = false);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_PTXSIM_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the commands of entry points on the threads of a session.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_COMMAND_RUNNER_H
#define FATHOM_RUNTIME_DEVICE_CPU_COMMAND_RUNNER_H

#include "runtime/device/command_trace.h"
#include "runtime/device/cpu/command_walk.h"
#include "runtime/device/cpu/cpu_kernels.h"
#include "runtime/device/cpu/cpu_memory.h"
#include "runtime/device/cpu/futex.h"
#include "runtime/device/cpu/thread_pool.h"
#include "runtime/src/command_list.h"

namespace fathom::runtime {

static_assert(sizeof(DeviceAddress) == sizeof(void *), "an address of the CPU is a pointer");

/// What all calls of a session have in common.
struct CommandMemory {
  const CpuKernel *kernels;
  char *arena;
  /// Of every weight slice. Kernels take parts of it for tables of pointers.
  const DeviceAddress *weights;
  /// Numbers of a row of states.
  uint32_t hidden;
};

/// Threads of a pool walk a list together. One call at a time.
class CommandRunner {
public:
  CommandRunner() = default;
  CommandRunner(const CommandRunner &) = delete;
  CommandRunner &operator=(const CommandRunner &) = delete;
  ~CommandRunner() { free(slots); }

  /// |pool| outlives this, and lists are of at most |mostLaunches|.
  fathom_status_t start(ThreadPool &pool, uint32_t mostLaunches, const CommandMemory &memory);

  /// From now on calls are written to |path|; as CommandTrace::open.
  fathom_status_t trace(const char *path) { return record.open(path, launches, static_cast<uint32_t>(limits.walkers)); }
  fathom_status_t takeTraceFailure() { return record.takeFailure(); }

  /// |cache| has a table for each row of the call.
  void run(const CommandList &list, const fathom_call_t &call, const fathom_cache_t &cache);

private:
  using Slot = LaunchSlot<ThreadSystem>;

  ThreadPool *pool = nullptr;
  CommandMemory memory = {};
  /// Not more than processors: who has none would keep those waiting who do.
  WalkLimits limits = {};
  Slot *slots = nullptr;
  uint32_t launches = 0;
  CommandTrace record;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_COMMAND_RUNNER_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads of named functions.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CALL_RUNNER_H
#define FATHOM_RUNTIME_DEVICE_CPU_CALL_RUNNER_H

#include "runtime/device/cpu/thread_pool.h"

#include "fathom/function_abi.h"

namespace fathom::runtime {

/// Runs the items of nests on the threads of a program. One call has them at a time.
class CallRunner {
public:
  CallRunner() = default;
  CallRunner(const CallRunner &) = delete;
  CallRunner &operator=(const CallRunner &) = delete;

  /// Takes so many threads, or as many as there are, for a call; they start with the first. False if another call has
  /// them, or if they do not start.
  bool take(uint32_t threads);
  void giveBack() { isTaken.store(false, std::memory_order_release); }

  /// As fathom_function_call_t::run.
  const char *run(fathom_nest_fn nest, void *captured, int64_t items, int64_t work);

private:
  std::atomic<bool> isTaken{false};
  bool isStarted = false;
  ThreadPool pool;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CALL_RUNNER_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads of a session: fork, share items, join. The caller takes part.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_THREAD_POOL_H
#define FATHOM_RUNTIME_DEVICE_CPU_THREAD_POOL_H

#include "fathom/artifact_abi.h"
#include "runtime/src/buffer.h"
#include "runtime/src/memory.h"
#include "runtime/src/status.h"

#include <atomic>
#include <pthread.h>
#include <sys/types.h>

namespace fathom::runtime {

/// The processors this process may run on.
uint32_t availableProcessors();

/// Runs tasks. run() is called by one thread at a time, never by a task. Workers spin for some microseconds after a
/// task, since calls of a model may follow each other closely, then sleep.
class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Starts |threads| - 1 workers, or as many as the system grants, each with |scratchBytes| of its own.
  fathom_status_t start(uint32_t threads, uint64_t scratchBytes);

  void run(fathom_task_fn task, const void *argument, int64_t items);

  /// Threads that compute, the caller included.
  uint32_t threads() const { return started + 1; }

private:
  struct Worker {
    ThreadPool *pool;
    pthread_t thread;
    char *scratch;
  };

  static void *main(void *worker);
  void work(Worker &worker);
  bool join(uint64_t *seen);
  void leave();
  void awaitDepartures();
  void claimItems(char *scratch);

  Buffer<Worker> workers;
  char *scratchMemory = nullptr;
  uint64_t scratchSize = 0;
  uint32_t started = 0;
  /// Whose threads the workers are.
  pid_t process = 0;
  int spins = 0;

  // The task at hand. Written while `state` says that nobody works, read by those who joined.
  fathom_task_fn task = nullptr;
  const void *argument = nullptr;
  int64_t items = 0;
  alignas(kAlignment) std::atomic<int64_t> next{0};
  /// Number of the task (upper half), whether it is open (bit 31), whether the caller sleeps until all have left (bit
  /// 30), and how many workers are in it.
  alignas(kAlignment) std::atomic<uint64_t> state{0};
  /// Changes with every task; workers sleep on it.
  std::atomic<uint32_t> bell{0};
  std::atomic<uint32_t> sleepers{0};
  /// Changes when the last worker leaves a caller that sleeps on it.
  std::atomic<uint32_t> departures{0};
  std::atomic<bool> stopping{false};
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_THREAD_POOL_H

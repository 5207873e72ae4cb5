// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fork and join of a task's items.
//
// A task need not wait for every worker: one that the system has not scheduled yet finds the task closed and goes on
// waiting. `state` holds the task's number, an open bit, and the count of workers inside; a worker joins by adding
// one while the task is open, and the caller returns when it has closed the task and the count is zero. One that has
// waited too long for that says so in `state` and sleeps: then the last worker to leave rings.

#include "runtime/device/cpu/thread_pool.h"

#include "runtime/device/cpu/futex.h"
#include "runtime/src/memory.h"

#include <immintrin.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fathom::runtime {

static constexpr uint64_t kOpen = uint64_t(1) << 31;
static constexpr uint64_t kAwaited = kOpen >> 1;
static constexpr uint64_t kInside = kAwaited - 1;
static constexpr uint64_t kNumber = uint64_t(1) << 32;
static constexpr size_t kStackBytes = size_t(1) << 20;

static uint64_t number(uint64_t state) { return state / kNumber; }

uint32_t availableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return static_cast<uint32_t>(CPU_COUNT(&set));
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<uint32_t>(online) : 1;
}

fathom_status_t ThreadPool::start(uint32_t threads, uint64_t scratchBytes) {
  uint64_t each, all;
  if (!alignUp(scratchBytes + 1, 4096, &each) || !multiply(each, threads, &all) || !workers.allocate(threads)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %u threads", threads);
  }
  void *memory = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %llu bytes of scratch of %u threads",
                static_cast<unsigned long long>(all), threads);
  }
  scratchMemory = static_cast<char *>(memory);
  scratchSize = all;
  spins = threads <= availableProcessors() ? 2000 : 0;
  process = getpid();
  for (uint32_t i = 0; i < threads; ++i) {
    workers[i] = {this, {}, scratchMemory + i * each};
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // Signals are the program's business, not the workers'.
  sigset_t all_signals, before;
  sigfillset(&all_signals);
  pthread_sigmask(SIG_SETMASK, &all_signals, &before);
  for (uint32_t i = 1; i < threads; ++i) {
    if (pthread_create(&workers[i].thread, &attributes, main, &workers[i]) != 0) {
      break;
    }
    started = i;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return FATHOM_STATUS_OK;
}

ThreadPool::~ThreadPool() {
  if (getpid() == process) { // After a fork() the workers are the parent's.
    stopping.store(true);
    bell.fetch_add(1);
    futexWake(&bell, static_cast<int>(started));
    for (uint32_t i = 1; i <= started; ++i) {
      pthread_join(workers[i].thread, nullptr);
    }
  }
  if (scratchMemory) {
    munmap(scratchMemory, scratchSize);
  }
}

void *ThreadPool::main(void *worker) {
  Worker *self = static_cast<Worker *>(worker);
  // The state a fresh process has, whatever the thread inherited: round to nearest, keep denormals, mask traps.
  _mm_setcsr(0x1f80);
  self->pool->work(*self);
  return nullptr;
}

void ThreadPool::work(Worker &worker) {
  uint64_t seen = 0;
  int idle = 0;
  while (!stopping.load()) {
    uint32_t heard = bell.load();
    if (join(&seen)) {
      claimItems(worker.scratch);
      leave();
      idle = 0;
      continue;
    }
    if (idle++ < spins) {
      _mm_pause();
      continue;
    }
    sleepers.fetch_add(1);
    // A task that began after `heard` was read changed the bell: then this returns at once.
    if (!stopping.load()) {
      futexWait(&bell, heard);
    }
    sleepers.fetch_sub(1);
    idle = 0;
  }
}

// Enters the task at hand if it is open and was not done by this thread before.
bool ThreadPool::join(uint64_t *seen) {
  uint64_t now = state.load(std::memory_order_acquire);
  while ((now & kOpen) && number(now) != *seen) {
    if (state.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) {
      *seen = number(now);
      return true;
    }
  }
  return false;
}

void ThreadPool::leave() {
  uint64_t before = state.fetch_sub(1, std::memory_order_acq_rel);
  if ((before & kAwaited) && (before & kInside) == 1) {
    departures.fetch_add(1);
    futexWake(&departures, 1);
  }
}

// Returns when nobody is inside a closed task.
void ThreadPool::awaitDepartures() {
  for (int tries = 0; state.load(std::memory_order_acquire) & kInside; ++tries) {
    if (tries < spins) {
      _mm_pause();
      continue;
    }
    uint32_t heard = departures.load();
    // Who leaves from now on rings, and `heard` is no longer what is there: then this returns at once.
    if (state.fetch_or(kAwaited, std::memory_order_acq_rel) & kInside) {
      futexWait(&departures, heard);
    }
  }
}

void ThreadPool::claimItems(char *scratch) {
  for (;;) {
    int64_t item = next.fetch_add(1, std::memory_order_relaxed);
    if (item >= items) {
      break;
    }
    task(argument, item, scratch);
  }
}

void ThreadPool::run(fathom_task_fn newTask, const void *newArgument, int64_t newItems) {
  if (newItems <= 0) {
    return;
  }
  if (newItems == 1 || started == 0) {
    for (int64_t item = 0; item < newItems; ++item) {
      newTask(newArgument, item, workers[0].scratch);
    }
    return;
  }
  task = newTask;
  argument = newArgument;
  items = newItems;
  next.store(0, std::memory_order_relaxed);
  uint64_t opened = (number(state.load(std::memory_order_relaxed)) + 1) * kNumber | kOpen;
  state.store(opened);
  bell.fetch_add(1);
  if (sleepers.load() > 0) {
    futexWake(&bell, newItems - 1 < started ? static_cast<int>(newItems - 1) : static_cast<int>(started));
  }
  claimItems(workers[0].scratch);
  state.fetch_and(~kOpen, std::memory_order_acq_rel);
  awaitDepartures();
}

} // namespace fathom::runtime

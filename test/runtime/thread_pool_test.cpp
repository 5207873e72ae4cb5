// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every item runs once, whatever the number of threads and items, and who waits leaves the processor to others.

#include "runtime/device/cpu/thread_pool.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace fathom::runtime {
namespace {

struct Work {
  std::vector<std::atomic<int>> counts;
  explicit Work(size_t items) : counts(items) {}
};

void countItem(const void *argument, int64_t item, void *scratch) {
  // A race if two threads shared scratch.
  memset(scratch, static_cast<int>(item), 64);
  const_cast<Work *>(static_cast<const Work *>(argument))->counts[static_cast<size_t>(item)] += 1;
}

TEST(ThreadPoolTest, RunsEveryItemOnce) {
  for (uint32_t threads : {1, 2, 3, 8}) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(threads, 64), FATHOM_STATUS_OK);
    for (size_t items : {0, 1, 2, 3, 100, 1000}) {
      for (int round = 0; round < 50; ++round) {
        Work work(items);
        pool.run(countItem, &work, static_cast<int64_t>(items));
        for (const auto &count : work.counts) {
          ASSERT_EQ(count, 1);
        }
      }
    }
  }
}

TEST(ThreadPoolTest, WakesWorkersThatSleep) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(3, 64), FATHOM_STATUS_OK);
  for (int round = 0; round < 20; ++round) {
    timespec nap = {0, 2000000};
    nanosleep(&nap, nullptr);
    Work work(64);
    pool.run(countItem, &work, 64);
    for (const auto &count : work.counts) {
      ASSERT_EQ(count, 1);
    }
  }
}

TEST(ThreadPoolTest, WorksOnOneProcessorWithManyThreads) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &before)) {
      CPU_SET(i, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  {
    ThreadPool pool;
    ASSERT_EQ(pool.start(16, 64), FATHOM_STATUS_OK);
    Work work(500);
    pool.run(countItem, &work, 500);
    for (const auto &count : work.counts) {
      ASSERT_EQ(count, 1);
    }
  }
  sched_setaffinity(0, sizeof(before), &before);
}

/// Of all threads of the process.
double processorSeconds() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void nap(long milliseconds) {
  timespec time = {0, milliseconds * 1000000};
  nanosleep(&time, nullptr);
}

TEST(ThreadPoolTest, CostsNothingBetweenTasks) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(3, 64), FATHOM_STATUS_OK);
  Work work(64);
  pool.run(countItem, &work, 64);
  // Until they sleep, which looks for another task for a while.
  nap(20);
  double before = processorSeconds();
  nap(100);
  EXPECT_LT(processorSeconds() - before, 0.001);
}

TEST(ThreadPoolTest, SleepsWhileItWaitsForALongItem) {
  struct Call {
    pid_t caller = gettid();
    mutable std::atomic<bool> isShared{false};
  } call;
  // The worker's item is long, and the caller's ends when that has begun.
  auto item = [](const void *argument, int64_t, void *) {
    auto &call = *static_cast<const Call *>(argument);
    if (gettid() != call.caller) {
      call.isShared = true;
      nap(200);
    }
    while (!call.isShared) {
      nap(1);
    }
  };
  for (uint32_t threads : {2, 200}) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(threads, 64), FATHOM_STATUS_OK);
    nap(20);
    call.isShared = false;
    double before = processorSeconds();
    pool.run(item, &call, 2);
    EXPECT_LT(processorSeconds() - before, 0.05) << threads;
  }
}

// ThreadSanitizer lets no child of a process with threads make threads.
#if !__has_feature(thread_sanitizer)
TEST(ThreadPoolTest, EndsInAForkedChildThatMadeThreadsOfItsOwn) {
  auto pool = std::make_unique<ThreadPool>();
  ASSERT_EQ(pool->start(4, 64), FATHOM_STATUS_OK);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    ThreadPool own;
    bool started = own.start(4, 64) == FATHOM_STATUS_OK;
    pool.reset();
    _exit(started ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

} // namespace
} // namespace fathom::runtime

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What it costs to hand work from thread to thread: 700 launches, each after the one before, of 1 to 4 items of about a
// microsecond. `walk` is what a session does, `join` one task of the pool a launch, and `alone` the work itself.
// `round_trip` is a word from one thread to another and back: how far apart the processors are that the rest is for.

#include "runtime/device/cpu/command_walk.h"
#include "runtime/device/cpu/futex.h"
#include "runtime/device/cpu/thread_pool.h"

#include <benchmark/benchmark.h>
#include <immintrin.h>
#include <thread>
#include <vector>

using namespace fathom::runtime;

constexpr uint32_t kLaunches = 700;

static int64_t itemsOf(uint32_t launch) { return 1 + launch % 4; }

[[gnu::noinline]] static void work(const void *, int64_t, void *) {
  for (int i = 0; i < 2800; ++i) {
    benchmark::DoNotOptimize(i);
  }
}

namespace {
struct Chain {
  uint32_t at = 0;

  uint32_t size() const { return kLaunches; }
  struct Earlier {
    uint32_t one;
    bool any;
    const uint32_t *begin() const { return &one; }
    const uint32_t *end() const { return &one + any; }
  };
  Earlier earlier(uint32_t launch) const { return {launch - 1, launch > 0}; }
  int64_t items(uint32_t launch) const { return itemsOf(launch); }
  void open(uint32_t launch) { at = launch; }
  void run(int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      work(nullptr, item, nullptr);
    }
  }
};

struct Shared {
  std::vector<LaunchSlot<ThreadSystem>> slots = std::vector<LaunchSlot<ThreadSystem>>(kLaunches);
  WalkLimits limits;
  std::atomic<bool> isOver;
};
} // namespace

static void walkChain(const void *argument, int64_t, void *) {
  Shared &shared = *static_cast<Shared *>(const_cast<void *>(argument));
  if (!shared.isOver.load(std::memory_order_relaxed)) {
    Chain chain;
    walk(chain, shared.slots.data(), shared.limits);
    shared.isOver.store(true, std::memory_order_relaxed);
  }
}

static void walk(benchmark::State &state) {
  ThreadPool pool;
  (void)pool.start(static_cast<uint32_t>(state.range(0)), 64);
  Shared shared;
  shared.limits = {std::min<int64_t>(state.range(0), availableProcessors()), 2000};
  for (auto _ : state) {
    shared.isOver = false;
    for (auto &slot : shared.slots) {
      slot.reset();
    }
    pool.run(walkChain, &shared, shared.limits.walkers);
  }
}

static void join(benchmark::State &state) {
  ThreadPool pool;
  (void)pool.start(static_cast<uint32_t>(state.range(0)), 64);
  for (auto _ : state) {
    for (uint32_t i = 0; i < kLaunches; ++i) {
      pool.run(work, nullptr, itemsOf(i));
    }
  }
}

static void round_trip(benchmark::State &state) {
  std::atomic<bool> asked{false}, isOver{false};
  std::thread other([&] {
    while (!isOver.load(std::memory_order_relaxed)) {
      if (asked.load(std::memory_order_acquire)) {
        asked.store(false, std::memory_order_release);
      }
      _mm_pause();
    }
  });
  for (auto _ : state) {
    asked.store(true, std::memory_order_release);
    while (asked.load(std::memory_order_acquire)) {
      _mm_pause();
    }
  }
  isOver = true;
  other.join();
}

static void alone(benchmark::State &state) {
  for (auto _ : state) {
    for (uint32_t i = 0; i < kLaunches; ++i) {
      for (int64_t item = 0; item < itemsOf(i); ++item) {
        work(nullptr, item, nullptr);
      }
    }
  }
}

BENCHMARK(round_trip)->UseRealTime()->Unit(benchmark::kNanosecond);
BENCHMARK(alone)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(walk)->Arg(1)->Arg(2)->Arg(8)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(join)->Arg(1)->Arg(2)->Arg(8)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_MAIN();

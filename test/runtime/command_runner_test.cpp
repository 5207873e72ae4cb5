// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that run random lists of kernels leave the same bytes as one thread does. Kernels read and write memory
// without any care, so that ThreadSanitizer, too, sees whether a launch waits for what it must.

#include "runtime/device/cpu/command_runner.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <time.h>
#include <vector>

namespace fathom::runtime {
namespace {

constexpr uint32_t kBlocks = 8, kReads = 2, kMostItems = 40, kMostLaunches = 40, kHidden = 3;
constexpr int64_t kRows = 2;
using Block = uint64_t[kMostItems];

/// Now and then a thread is late, by less or by more than others spin.
void dawdle() {
  thread_local std::minstd_rand random(std::random_device{}());
  unsigned how = random() % 2048;
  if (how == 0) {
    timespec nap = {0, 300000};
    nanosleep(&nap, nullptr);
  } else if (how < 32) {
    std::this_thread::yield();
  }
}

int64_t sameItems(int64_t rows) { return rows; }

/// Mixes all numbers of the blocks it reads into its item of the block it writes.
void mix(const void *task, int64_t item, void *) {
  const auto &dispatch = *static_cast<const fathom_dispatch_t *>(task);
  auto number = static_cast<uint64_t>(dispatch.layer * 1000 + item);
  dawdle();
  for (uint32_t i = 1; i <= kReads; ++i) {
    for (uint64_t value : *static_cast<const Block *>(dispatch.operands[i])) {
      number = (number ^ value) * 0x9e3779b97f4a7c15;
    }
  }
  (*static_cast<Block *>(dispatch.operands[0]))[item] = number ^ number >> 29;
}

constexpr CpuKernel kKernel = {mix, sameItems};

/// A list, and what its launches touch.
class RandomList {
public:
  explicit RandomList(std::mt19937 &random) : size(1 + random() % kMostLaunches) {
    for (uint32_t i = 0; i < size; ++i) {
      add(random);
    }
  }

  CommandList list() const { return {"toy", launches.data(), size, operands.data(), earlier.data()}; }

private:
  // The first block is written, the others are read: two different ones, or the same twice.
  void add(std::mt19937 &random) {
    auto number = static_cast<uint32_t>(launches.size());
    Launch launch = {};
    // Two of a toy's layers have their states recorded.
    bool isRecord = random() % 16 == 0 && recorded < 2;
    launch.name = isRecord ? "record_state" : "mix";
    launch.kernel = isRecord ? kNoKernel : 0;
    // Nobody wants logits of the call: launches of their rows have no items.
    launch.rows = random() % 10 == 0 ? artifact::Rows::logit_rows : artifact::Rows::rows;
    constexpr uint32_t kFactors[] = {1, 1, 2, 3, 7, kMostItems / kRows};
    launch.factor = kFactors[random() % 6];
    launch.layer = isRecord ? recorded++ : number;
    launch.firstOperand = static_cast<uint32_t>(operands.size());
    for (uint32_t i = 0; i <= kReads; ++i) {
      uint32_t block = random() % kBlocks;
      while (i > 0 && block == operands[launch.firstOperand].offset / sizeof(Block)) {
        block = random() % kBlocks;
      }
      operands.push_back({artifact::Place::buffer, block * sizeof(Block)});
    }
    launch.lastOperand = static_cast<uint32_t>(operands.size());
    launch.firstEarlier = static_cast<uint32_t>(earlier.size());
    for (uint32_t i = 0; i < number; ++i) {
      if (writes(launches[i], launch) || writes(launch, launches[i])) {
        earlier.push_back(i);
      }
    }
    launch.lastEarlier = static_cast<uint32_t>(earlier.size());
    launches.push_back(launch);
  }

  /// Whether |a| writes what |b| touches.
  bool writes(const Launch &a, const Launch &b) const {
    auto first = operands.begin() + b.firstOperand, last = operands.begin() + b.lastOperand;
    return std::any_of(first, last,
                       [&](const LaunchOperand &operand) { return operand.offset == operands[a.firstOperand].offset; });
  }

  uint32_t size;
  int64_t recorded = 0;
  std::vector<Launch> launches;
  std::vector<LaunchOperand> operands;
  std::vector<uint32_t> earlier;
};

/// Threads with memory of their own.
class Toy {
public:
  explicit Toy(uint32_t threads) {
    EXPECT_EQ(pool.start(threads, 64), FATHOM_STATUS_OK);
    EXPECT_EQ(runner.start(pool, kMostLaunches, {&kKernel, reinterpret_cast<char *>(blocks), nullptr, kHidden}),
              FATHOM_STATUS_OK);
  }

  void trace(const std::string &path) { EXPECT_EQ(runner.trace(path.c_str()), FATHOM_STATUS_OK); }

  /// What memory and the recorded states are after a call.
  std::string run(const RandomList &list) {
    float states[2 * kRows * kHidden] = {};
    fathom_call_t call = {};
    call.rows = kRows;
    call.states = states;
    runner.run(list.list(), call, {});
    return std::string(reinterpret_cast<const char *>(blocks), sizeof(blocks)) +
           std::string(reinterpret_cast<const char *>(states), sizeof(states));
  }

private:
  ThreadPool pool;
  CommandRunner runner;
  Block blocks[kBlocks] = {};
};

TEST(CommandRunnerTest, ThreadsLeaveWhatOneLeaves) {
  std::mt19937 random(11);
  for (uint32_t threads : {2, 3, 5}) {
    Toy alone(1), together(threads);
    // Few: where other programs run, threads that meet wait for their turn, and a list has many places to meet.
    for (int round = 0; round < 12; ++round) {
      RandomList list(random);
      ASSERT_EQ(together.run(list), alone.run(list)) << threads << " threads, round " << round;
    }
  }
}

TEST(CommandRunnerTest, ThreadsThatAreTracedLeaveWhatOneLeaves) {
  std::mt19937 random(12);
  std::string path = testing::TempDir() + "fathom-" + std::to_string(getpid()) + "-runner.json";
  Toy alone(1), together(3);
  together.trace(path);
  for (int round = 0; round < 8; ++round) {
    RandomList list(random);
    ASSERT_EQ(together.run(list), alone.run(list)) << round;
  }
  remove(path.c_str());
}

} // namespace
} // namespace fathom::runtime

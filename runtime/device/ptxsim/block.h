// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of threads, and the cluster that it is in.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_BLOCK_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_BLOCK_H

#include "runtime/device/ptxsim/async_copy.h"
#include "runtime/device/ptxsim/counters.h"
#include "runtime/device/ptxsim/warp.h"

#include <atomic>
#include <memory>

namespace fathom::runtime::ptxsim {

class Cluster;

/// One launch of a kernel: what all its blocks share.
struct Grid {
  const Kernel *kernel;
  Dimensions blocks, threads;
  /// Blocks that run together; 1 without clusters.
  Dimensions cluster = {1, 1, 1};
  uint64_t dynamicShared;
  std::vector<uint8_t> parameters;
  DeviceMemory *memory;
  uint64_t seed;
  /// Instructions of warps that a cluster may execute.
  uint64_t budget;
  unsigned multiprocessors;
  uint64_t id;
  /// The launch ends when it becomes true; NULL: by itself.
  const std::atomic<bool> *cancelled = nullptr;
};

/// A hardware barrier of a block.
struct Barrier {
  /// Threads that it is for; 0: all.
  unsigned count = 0;
  /// Lanes of each warp that have arrived, and those of them that wait.
  std::vector<LaneMask> arrived, waiting;
  bool inUse = false;
  /// bar.red: threads that brought true, and those that did not; then of the phase that was completed last.
  unsigned trueCount = 0, falseCount = 0, lastTrue = 0, lastFalse = 0;
  /// What those knew that arrived and did not wait.
  Knowledge arrivals;
};

constexpr unsigned kBarriers = 16;

class Block {
public:
  void start(Cluster &cluster, unsigned rank, Dimensions index);

  /// Lanes of a warp arrive at a barrier, and sleep there if `wait`. `place` is for a finding.
  void arrive(Warp &warp, const Instruction &place, unsigned id, unsigned count, LaneMask mask, bool wait);
  /// Threads that exited are not waited for.
  void afterExit();

  const Grid &grid() const;
  Cluster &cluster() { return *cluster_; }
  unsigned rank() const { return rank_; }
  Dimensions index() const { return index_; }
  std::vector<Warp> &warps() { return warps_; }
  std::vector<uint8_t> &shared() { return shared_; }
  Barrier &barrier(unsigned id) { return barriers_[id]; }
  /// barrier.cluster: lanes of each warp that have arrived, and those of them that wait.
  std::vector<LaneMask> &clusterArrived() { return clusterArrived_; }
  std::vector<LaneMask> &clusterWaiting() { return clusterWaiting_; }
  Counters &counters() { return counters_; }
  Watch &watch() { return *watch_; }
  AsyncUnit &async() { return *async_; }
  /// What threads knew that have exited.
  Knowledge &exited() { return exited_; }
  /// All threads that live have met.
  void meetAll();

private:
  bool isComplete(const Barrier &barrier) const;
  void complete(Barrier &barrier);

  Cluster *cluster_ = nullptr;
  unsigned rank_ = 0;
  Dimensions index_;
  std::vector<Warp> warps_;
  std::vector<uint8_t> shared_;
  Barrier barriers_[kBarriers];
  std::vector<LaneMask> clusterArrived_, clusterWaiting_;
  Counters counters_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<AsyncUnit> async_;
  Knowledge exited_;

  void meet(const std::vector<LaneMask> &lanes, const Knowledge &more);
};

/// Blocks that share memory and run at once; without clusters, one.
class Cluster {
public:
  /// The `index`-th cluster of the grid.
  void start(const Grid &grid, uint64_t index);
  /// Runs for a while; true when all threads have exited or something was found.
  bool run(uint64_t most);

  const Grid &grid() const { return *grid_; }
  /// Number of its first block in the grid.
  uint64_t index() const { return index_; }
  std::vector<Block> &blocks() { return blocks_; }
  Random &random() { return random_; }
  Finding &finding() { return finding_; }
  bool failed() const { return finding_.result != cuda::kSuccess; }
  /// barrier.cluster, of all threads of all its blocks.
  void arrive(Warp &warp, LaneMask mask);
  void wait(Warp &warp, LaneMask mask);
  void completeIfAllArrived();
  uint64_t executed() const { return executed_; }
  Counters counters() const;

private:
  Warp *chooseWarp();
  void reportDeadlock();
  void reportBudget(Warp &warp);

  const Grid *grid_ = nullptr;
  uint64_t index_ = 0;
  std::vector<Block> blocks_;
  Random random_;
  Finding finding_;
  uint64_t executed_ = 0;
};

inline const Grid &Block::grid() const { return cluster_->grid(); }

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_BLOCK_H

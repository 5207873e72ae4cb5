// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch: its blocks on the threads of the host.

#include "runtime/device/ptxsim/launch.h"

#include <deque>
#include <mutex>
#include <thread>

namespace fathom::runtime::ptxsim {

/// Instructions after which a block lets another one run that it may wait for.
static constexpr uint64_t kSlice = 1 << 20;

namespace {
/// Blocks wait for their turn where they have run for long: as many as multiprocessors, so that kernels whose blocks
/// wait for each other come to an end as they do on a device.
class GridRun {
public:
  explicit GridRun(const Grid &grid) : grid_(grid), count_(grid.blocks.count() / grid.cluster.count()) {}

  void work();
  Finding finding() const { return finding_; }
  const Counters &counters() const { return counters_; }

private:
  using ClusterPointer = std::unique_ptr<Cluster>;
  ClusterPointer take();
  void finish(ClusterPointer cluster);

  const Grid &grid_;
  const uint64_t count_;
  std::mutex mutex_;
  uint64_t next_ = 0;
  std::deque<ClusterPointer> paused_;
  /// Their memory is used again.
  std::vector<ClusterPointer> spare_;
  Finding finding_;
  /// Blocks from here on need not run any more.
  uint64_t end_ = UINT64_MAX;
  Counters counters_;
};
} // namespace

GridRun::ClusterPointer GridRun::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (grid_.cancelled != nullptr && *grid_.cancelled) {
    end_ = 0;
    finding_ = {cuda::kLaunchTimeout, "cancelled"};
  }
  while (!paused_.empty() && (paused_.size() >= grid_.multiprocessors || next_ >= std::min(count_, end_))) {
    ClusterPointer cluster = std::move(paused_.front());
    paused_.pop_front();
    if (cluster->index() < end_) {
      return cluster;
    }
  }
  if (next_ >= std::min(count_, end_)) {
    return nullptr;
  }
  uint64_t index = next_++;
  ClusterPointer cluster;
  if (spare_.empty()) {
    cluster = std::make_unique<Cluster>();
  } else {
    cluster = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  cluster->start(grid_, index);
  return cluster;
}

void GridRun::finish(ClusterPointer cluster) {
  counters_.add(cluster->counters());
  if (cluster->failed() && cluster->index() < end_) {
    end_ = cluster->index();
    finding_ = cluster->finding();
  }
  spare_.push_back(std::move(cluster));
}

void GridRun::work() {
  while (ClusterPointer cluster = take()) {
    bool done = cluster->run(kSlice);
    std::lock_guard<std::mutex> lock(mutex_);
    if (done) {
      finish(std::move(cluster));
    } else {
      paused_.push_back(std::move(cluster));
    }
  }
}

Finding runGrid(const Grid &grid, unsigned threads, Counters &counters) {
  GridRun run(grid);
  uint64_t clusters = grid.blocks.count() / grid.cluster.count();
  std::vector<std::thread> helpers;
  for (uint64_t i = 1; i < std::min<uint64_t>(threads, clusters); ++i) {
    helpers.emplace_back([&run] { run.work(); });
  }
  run.work();
  for (std::thread &helper : helpers) {
    helper.join();
  }
  counters.add(run.counters());
  return run.finding();
}

} // namespace fathom::runtime::ptxsim

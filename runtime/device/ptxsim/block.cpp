// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Barriers of a block.

#include "runtime/device/ptxsim/block.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

void Block::start(Cluster &cluster, unsigned rank, Dimensions index) {
  const Grid &grid = cluster.grid();
  cluster_ = &cluster;
  rank_ = rank;
  index_ = index;
  counters_ = {};
  uint64_t align = grid.kernel->dynamicSharedAlign;
  uint64_t fixed = (grid.kernel->sharedBytes + align - 1) / align * align;
  shared_.resize(grid.dynamicShared == 0 ? grid.kernel->sharedBytes : fixed + grid.dynamicShared);
  std::fill(shared_.begin(), shared_.end(), uint8_t{0xff});
  size_t count = (grid.threads.count() + kWarpSize - 1) / kWarpSize;
  for (Barrier &barrier : barriers_) {
    barrier = {};
  }
  clusterArrived_.assign(count, 0);
  clusterWaiting_.assign(count, 0);
  exited_ = {};
  watch_ = std::make_unique<Watch>(*this);
  async_ = std::make_unique<AsyncUnit>(*watch_, shared_, cluster.random().next());
  warps_.resize(count);
  for (size_t warp = 0; warp < count; ++warp) {
    warps_[warp].start(*this, static_cast<unsigned>(warp));
  }
}

void Block::arrive(Warp &warp, const Instruction &place, unsigned id, unsigned count, LaneMask mask, bool wait) {
  Barrier &barrier = barriers_[id];
  unsigned lane = static_cast<unsigned>(std::countr_zero(mask));
  if (!barrier.inUse) {
    barrier.arrived.assign(warps_.size(), 0);
    barrier.waiting.assign(warps_.size(), 0);
    barrier.inUse = true;
    barrier.count = count;
  }
  if (barrier.count != count) {
    warp.fail(
        place, lane, cuda::kLaunchFailed,
        format("barrier %u is for %u threads here, and for %u where others wait (0: all)", id, count, barrier.count));
    return;
  }
  LaneMask again = barrier.arrived[warp.index()] & mask;
  if (again != 0) {
    warp.fail(place, static_cast<unsigned>(std::countr_zero(again)), cuda::kLaunchFailed,
              format("the thread arrives twice at barrier %u", id));
    return;
  }
  barrier.arrived[warp.index()] |= mask;
  if (wait) {
    barrier.waiting[warp.index()] |= mask;
    warp.sleep(mask);
  } else {
    watch_->arrive(warp, mask, barrier.arrivals);
  }
  if (isComplete(barrier)) {
    complete(barrier);
  }
}

/// Warps count as a whole, when all lanes that live have arrived.
bool Block::isComplete(const Barrier &barrier) const {
  unsigned threads = 0;
  bool hasAll = true;
  for (size_t warp = 0; warp < warps_.size(); ++warp) {
    LaneMask live = warps_[warp].live();
    bool isWhole = (live & ~barrier.arrived[warp]) == 0;
    hasAll &= isWhole;
    threads += isWhole && barrier.arrived[warp] != 0 ? kWarpSize : 0;
  }
  return barrier.count == 0 ? hasAll : threads >= barrier.count;
}

void Block::meet(const std::vector<LaneMask> &lanes, const Knowledge &more) {
  std::vector<unsigned> threads;
  for (unsigned warp = 0; warp < lanes.size(); ++warp) {
    for (LaneMask rest = lanes[warp]; rest != 0; rest &= rest - 1) {
      threads.push_back(warp * kWarpSize + static_cast<unsigned>(std::countr_zero(rest)));
    }
  }
  Knowledge all = more;
  all.join(exited_);
  watch_->meet(threads, all);
}

void Block::meetAll() {
  std::vector<LaneMask> lanes;
  for (const Warp &warp : warps_) {
    lanes.push_back(warp.live());
  }
  meet(lanes, {});
}

void Block::complete(Barrier &barrier) {
  meet(barrier.waiting, barrier.arrivals);
  barrier.arrivals = {};
  barrier.inUse = false;
  barrier.lastTrue = barrier.trueCount;
  barrier.lastFalse = barrier.falseCount;
  barrier.trueCount = barrier.falseCount = 0;
  for (size_t warp = 0; warp < warps_.size(); ++warp) {
    warps_[warp].wake(barrier.waiting[warp]);
  }
}

void Block::afterExit() {
  bool hasEnded = std::all_of(warps_.begin(), warps_.end(), [](const Warp &warp) { return warp.live() == 0; });
  const Instruction *place = nullptr;
  if (Complaint complaint = hasEnded ? async_->finish(place) : ""; !complaint.empty()) {
    warps_[0].fail(*place, 0, cuda::kLaunchFailed, complaint);
  }
  for (Barrier &barrier : barriers_) {
    if (barrier.inUse && isComplete(barrier)) {
      complete(barrier);
    }
  }
  cluster_->completeIfAllArrived();
}

} // namespace fathom::runtime::ptxsim

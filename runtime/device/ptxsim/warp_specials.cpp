// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The special registers of a warp.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/specials.h"

namespace fathom::runtime::ptxsim {

static unsigned divided(unsigned count, unsigned size) { return (count + size - 1) / size; }

/// What all lanes have.
static void fillUniform(Block &block, uint64_t warp, uint64_t (&values)[kSpecials]) {
  const Grid &grid = block.grid();
  auto set = [&](Special special, uint64_t value) { values[static_cast<size_t>(special)] = value; };
  auto set3 = [&](Special x, unsigned vx, unsigned vy, unsigned vz) {
    size_t first = static_cast<size_t>(x);
    values[first] = vx;
    values[first + 1] = vy;
    values[first + 2] = vz;
  };
  const Dimensions &size = grid.cluster, &at = block.index();
  set3(Special::NtidX, grid.threads.x, grid.threads.y, grid.threads.z);
  set3(Special::CtaidX, at.x, at.y, at.z);
  set3(Special::NctaidX, grid.blocks.x, grid.blocks.y, grid.blocks.z);
  set(Special::WarpId, warp);
  set(Special::NwarpId, block.warps().size());
  set(Special::SmId, block.cluster().index() % grid.multiprocessors);
  set(Special::NsmId, grid.multiprocessors);
  set(Special::GridId, grid.id);
  set(Special::DynamicSharedBytes, grid.dynamicShared);
  set(Special::TotalSharedBytes, block.shared().size());
  set3(Special::ClusterIdX, at.x / size.x, at.y / size.y, at.z / size.z);
  set3(Special::NclusterIdX, divided(grid.blocks.x, size.x), divided(grid.blocks.y, size.y),
       divided(grid.blocks.z, size.z));
  set3(Special::ClusterCtaidX, at.x % size.x, at.y % size.y, at.z % size.z);
  set3(Special::ClusterNctaidX, size.x, size.y, size.z);
  set(Special::ClusterCtaRank, block.rank());
  set(Special::ClusterNctaRank, size.count());
  set(Special::IsExplicitCluster, grid.kernel->cluster.x != 0);
}

void Warp::setSpecials() {
  uint64_t values[kSpecials] = {};
  fillUniform(*block_, index_, values);
  for (size_t special = 0; special < kSpecials; ++special) {
    std::fill_n(registers_.begin() + static_cast<ptrdiff_t>(special * kWarpSize), kWarpSize, values[special]);
  }
  auto slot = [&](Special special, unsigned lane) -> uint64_t & {
    return registers_[static_cast<size_t>(special) * kWarpSize + lane];
  };
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    Dimensions thread = threadOf(lane);
    LaneMask self = LaneMask{1} << lane;
    slot(Special::TidX, lane) = thread.x;
    slot(Special::TidY, lane) = thread.y;
    slot(Special::TidZ, lane) = thread.z;
    slot(Special::LaneId, lane) = lane;
    slot(Special::LaneMaskEq, lane) = self;
    slot(Special::LaneMaskLt, lane) = self - 1;
    slot(Special::LaneMaskLe, lane) = self | (self - 1);
    slot(Special::LaneMaskGt, lane) = ~(self | (self - 1));
    slot(Special::LaneMaskGe, lane) = ~(self - 1);
  }
}

void Warp::readClocks() {
  uint64_t now = block_->cluster().executed() + ++clockReads_;
  const std::pair<Special, uint64_t> values[] = {
      {Special::Clock, now & UINT32_MAX},
      {Special::ClockHigh, now >> 32},
      {Special::Clock64, now},
      {Special::GlobalTimer, now},
      {Special::GlobalTimerLow, now & UINT32_MAX},
      {Special::GlobalTimerHigh, now >> 32},
  };
  for (auto [special, value] : values) {
    std::fill_n(registers_.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(special) * kWarpSize), kWarpSize,
                value);
  }
}

} // namespace fathom::runtime::ptxsim

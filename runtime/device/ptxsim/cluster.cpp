// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the warps of a block, or of a cluster of them, take turns.

#include "runtime/device/ptxsim/block.h"

#include <map>

namespace fathom::runtime::ptxsim {

/// Instructions of a turn: at least, and so many more at most.
static constexpr unsigned kShortTurn = 16, kTurnSpread = 240;

void Cluster::start(const Grid &grid, uint64_t index) {
  grid_ = &grid;
  index_ = index;
  random_ = Random(grid.seed ^ (index + 1) * 0xd1342543de82ef95);
  finding_ = {};
  executed_ = 0;
  const Dimensions &size = grid.cluster;
  unsigned columns = grid.blocks.x / size.x, rows = grid.blocks.y / size.y;
  Dimensions at = {static_cast<unsigned>(index % columns), static_cast<unsigned>(index / columns % rows),
                   static_cast<unsigned>(index / columns / rows)};
  blocks_.resize(size.count());
  for (unsigned rank = 0; rank < blocks_.size(); ++rank) {
    blocks_[rank].start(*this, rank,
                        {at.x * size.x + rank % size.x, at.y * size.y + rank / size.x % size.y,
                         at.z * size.z + rank / size.x / size.y});
  }
}

Warp *Cluster::chooseWarp() {
  size_t each = blocks_[0].warps().size();
  auto count = static_cast<unsigned>(each * blocks_.size());
  unsigned first = random_.below(count);
  for (unsigned i = 0; i < count; ++i) {
    unsigned number = first + i < count ? first + i : first + i - count;
    Warp &warp = blocks_[number / each].warps()[number % each];
    if (warp.hasReady()) {
      return &warp;
    }
  }
  return nullptr;
}

bool Cluster::run(uint64_t most) {
  for (uint64_t end = executed_ + most; executed_ < end;) {
    Warp *warp = failed() ? nullptr : chooseWarp();
    if (warp == nullptr) {
      reportDeadlock();
      return true;
    }
    executed_ += warp->run(kShortTurn + random_.below(kTurnSpread));
    if (executed_ >= grid_->budget) {
      reportBudget(*warp);
      return true;
    }
  }
  return false;
}

Counters Cluster::counters() const {
  Counters sum;
  for (const Block &block : blocks_) {
    sum.add(const_cast<Block &>(block).counters());
  }
  return sum;
}

/// Where threads wait that nothing wakes; nothing if all have exited.
void Cluster::reportDeadlock() {
  std::map<const Instruction *, uint64_t> places;
  uint64_t waiting = 0, all = grid_->threads.count() * blocks_.size();
  Warp *first = nullptr;
  bool isDivergent = false;
  for (Block &block : blocks_) {
    for (Warp &warp : block.warps()) {
      isDivergent |= warp.gathering() != 0;
      for (LaneMask stuck = warp.stuck(); stuck != 0; stuck &= stuck - 1) {
        ++places[&warp.instructionOf(static_cast<unsigned>(std::countr_zero(stuck)))];
        ++waiting;
        first = first == nullptr ? &warp : first;
      }
    }
  }
  if (first == nullptr || failed()) {
    return;
  }
  std::string text = isDivergent ? "deadlock: lanes of a warp diverge, and are waited for here:" : "deadlock:";
  for (auto [instruction, count] : places) {
    const CodeLine &line = grid_->kernel->lines[instruction->line];
    text += format(" %llu threads wait at line %u (%s),", static_cast<unsigned long long>(count), line.line,
                   line.text.c_str());
  }
  text += format(" %llu have exited", static_cast<unsigned long long>(all - waiting));
  unsigned lane = static_cast<unsigned>(std::countr_zero(first->stuck()));
  first->fail(first->instructionOf(lane), lane, cuda::kLaunchFailed, text);
}

void Cluster::reportBudget(Warp &warp) {
  if (failed() || warp.live() == 0) {
    return;
  }
  unsigned lane = static_cast<unsigned>(std::countr_zero(warp.live()));
  warp.fail(warp.instructionOf(lane), lane, cuda::kLaunchFailed,
            format("no end: its block has executed %llu instructions", static_cast<unsigned long long>(executed_)));
}

void Cluster::arrive(Warp &warp, LaneMask mask) {
  warp.block().clusterArrived()[warp.index()] |= mask;
  completeIfAllArrived();
}

void Cluster::wait(Warp &warp, LaneMask mask) {
  LaneMask early = warp.block().clusterArrived()[warp.index()] & mask;
  if (early != 0) {
    warp.block().clusterWaiting()[warp.index()] |= early;
    warp.sleep(early);
  }
}

void Cluster::completeIfAllArrived() {
  bool any = false;
  for (Block &block : blocks_) {
    for (Warp &warp : block.warps()) {
      LaneMask arrived = block.clusterArrived()[warp.index()];
      any |= arrived != 0;
      if ((warp.live() & ~arrived) != 0) {
        return;
      }
    }
  }
  if (!any) {
    return;
  }
  for (Block &block : blocks_) {
    block.meetAll();
    for (Warp &warp : block.warps()) {
      warp.wake(block.clusterWaiting()[warp.index()]);
      block.clusterArrived()[warp.index()] = block.clusterWaiting()[warp.index()] = 0;
    }
  }
}

} // namespace fathom::runtime::ptxsim

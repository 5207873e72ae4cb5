// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the lanes of a warp run together, part and meet again.

#include "runtime/device/ptxsim/warp.h"

#include "runtime/device/ptxsim/block.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

/// Instructions after which lanes that others let wait have their turn.
static constexpr uint64_t kPatience = 512;

/// Calls `visit` with the number of each lane of `mask`.
template <class Visitor>
static void forEachLane(LaneMask mask, Visitor visit) {
  for (; mask != 0; mask &= mask - 1) {
    visit(static_cast<unsigned>(std::countr_zero(mask)));
  }
}

void Warp::start(Block &block, unsigned index) {
  const Grid &grid = block.grid();
  block_ = &block;
  kernel_ = grid.kernel;
  index_ = index;
  constants_ = kernel_->constants.data();
  registers_.resize(size_t{kernel_->places} * kWarpSize);
  std::fill(registers_.begin(), registers_.end(), ~uint64_t{0});
  local_.resize(kernel_->localBytes * kWarpSize);
  std::fill(local_.begin(), local_.end(), uint8_t{0xff});
  returns_.clear();
  uint64_t threads = grid.threads.count() - uint64_t{index} * kWarpSize;
  live_ = threads >= kWarpSize ? kAllLanes : (LaneMask{1} << threads) - 1;
  ready_ = live_;
  active_ = gathering_ = 0;
  apart_ = turn_ = clockReads_ = 0;
  favored_ = kWarpSize;
  lastAllocation_ = nullptr;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    pc_[lane] = waitsAt_[lane] = 0;
    depth_[lane] = 0;
    lastTurn_[lane] = 0;
  }
  wgmma_.start(kernel_->usesWgmma ? kernel_->places : 0);
  wgmmaActor_ = 0;
  setSpecials();
}

LaneMask Warp::predicate(const Operand &operand) const {
  const uint64_t *values = lanes(operand);
  LaneMask mask = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    mask |= static_cast<LaneMask>(values[lane] & 1) << lane;
  }
  return operand.negated ? ~mask : mask;
}

uint64_t Warp::run(uint64_t most) {
  uint64_t done = 0;
  yielded_ = false;
  while (done < most && ready_ != 0 && !yielded_ && !block_->cluster().failed()) {
    pick();
    done += runGroup(most - done);
  }
  block_->counters().instructions += done;
  return done;
}

/// Deepest in calls first, then those that are furthest behind: so lanes meet where they can.
unsigned Warp::firstOf() const {
  unsigned first = kWarpSize;
  forEachLane(ready_, [&](unsigned lane) {
    if (first == kWarpSize || depth_[lane] > depth_[first] ||
        (depth_[lane] == depth_[first] && pc_[lane] < pc_[first])) {
      first = lane;
    }
  });
  return first;
}

/// The lane whose turn is longest ago. It keeps its turn for a while, as loops that wait for each other need.
unsigned Warp::favored() {
  if (favored_ == kWarpSize || (ready_ >> favored_ & 1) == 0) {
    favored_ = static_cast<unsigned>(std::countr_zero(ready_));
    forEachLane(ready_, [&](unsigned lane) { favored_ = lastTurn_[lane] < lastTurn_[favored_] ? lane : favored_; });
    ++turn_;
  }
  return favored_;
}

void Warp::pick() {
  bool isTurnOfOthers = apart_ / kPatience % 2 != 0;
  unsigned first = isTurnOfOthers ? favored() : firstOf();
  favored_ = isTurnOfOthers ? favored_ : kWarpSize;
  active_ = 0;
  meeting_ = UINT32_MAX;
  forEachLane(ready_, [&](unsigned lane) {
    if (isSame(lane, first)) {
      active_ |= LaneMask{1} << lane;
      lastTurn_[lane] = turn_;
    } else if (depth_[lane] == depth_[first] && pc_[lane] > pc_[first]) {
      meeting_ = std::min(meeting_, pc_[lane]);
    }
  });
  next_ = pc_[first];
  apart_ = active_ == ready_ ? 0 : apart_;
}

uint64_t Warp::runGroup(uint64_t most) {
  const Instruction *code = kernel_->code.data();
  uint64_t done = 0, lanes = 0;
  regroup_ = false;
  while (done < most && !regroup_) {
    const Instruction &instruction = code[next_++];
    LaneMask mask = instruction.isGuarded ? active_ & predicate(instruction.guard) : active_;
    ++done;
    lanes += static_cast<unsigned>(std::popcount(mask));
    if (mask != 0 && (instruction.gather == Gather::None || gather(instruction, mask))) {
      if (!kernel_->usesWgmma || touchRegisters(instruction, mask)) {
        instruction.handler(*this, instruction, mask);
        log_.count(block_->counters());
      }
    }
    regroup_ |= next_ == meeting_ || yielded_;
  }
  block_->counters().laneInstructions += lanes;
  apart_ += done;
  park();
  return done;
}

void Warp::park() {
  forEachLane(active_, [&](unsigned lane) { pc_[lane] = next_; });
  active_ = 0;
}

/// Whether all that take part have come; then `mask` is all of them. Else those of `mask` wait.
bool Warp::gather(const Instruction &instruction, LaneMask &mask) {
  unsigned first = static_cast<unsigned>(std::countr_zero(mask));
  uint32_t here = next_ - 1;
  bool isWhole = instruction.gather == Gather::WholeWarp;
  LaneMask members = instruction.gather != Gather::Members
                         ? kAllLanes
                         : static_cast<LaneMask>(lanes(instruction.operands[instruction.members])[first]);
  if ((mask & ~members) != 0) {
    fail(instruction, static_cast<unsigned>(std::countr_zero(mask & ~members)), cuda::kLaunchFailed,
         format("the lane is not in the mask 0x%08x", members));
    return false;
  }
  if (isWhole && live_ != kAllLanes) {
    fail(instruction, first, cuda::kLaunchFailed, format("needs all lanes of the warp, it has 0x%08x", live_));
    return false;
  }
  LaneMask arrived = mask;
  forEachLane(gathering_, [&](unsigned lane) {
    arrived |= static_cast<LaneMask>(pc_[lane] == here && depth_[lane] == depth_[first]) << lane;
  });
  if ((members & live_ & ~arrived) == 0) {
    LaneMask joined = arrived & ~active_;
    gathering_ &= ~arrived;
    ready_ |= joined;
    active_ |= joined;
    regroup_ |= joined != 0;
    mask = arrived & members;
    return true;
  }
  sleep(mask);
  gathering_ |= mask;
  forEachLane(mask, [&](unsigned lane) { pc_[lane] = here; });
  return false;
}

void Warp::branch(LaneMask mask, uint32_t target) {
  if (mask == active_) {
    next_ = target;
    regroup_ |= active_ != ready_;
    return;
  }
  forEachLane(mask, [&](unsigned lane) { pc_[lane] = target; });
  active_ &= ~mask;
  regroup_ = true;
}

void Warp::branchEach(LaneMask mask, const uint32_t *targets) {
  forEachLane(mask, [&](unsigned lane) { pc_[lane] = targets[lane]; });
  active_ &= ~mask;
  regroup_ = true;
}

void Warp::call(LaneMask mask, uint32_t target) {
  forEachLane(mask, [&](unsigned lane) {
    size_t place = size_t{depth_[lane]} * kWarpSize + lane;
    returns_.resize(std::max(returns_.size(), place + 1));
    returns_[place] = next_;
    ++depth_[lane];
    pc_[lane] = target;
  });
  active_ &= ~mask;
  regroup_ = true;
}

void Warp::ret(LaneMask mask) {
  LaneMask outermost = 0;
  forEachLane(mask, [&](unsigned lane) {
    if (depth_[lane] == 0) {
      outermost |= LaneMask{1} << lane;
    } else {
      --depth_[lane];
      pc_[lane] = returns_[size_t{depth_[lane]} * kWarpSize + lane];
    }
  });
  active_ &= ~(mask & ~outermost);
  regroup_ = true;
  if (outermost != 0) {
    exit(outermost);
  }
}

/// False where a register is in use by a wgmma.
bool Warp::touchRegisters(const Instruction &instruction, LaneMask mask) {
  if (instruction.isWgmma) {
    return true;
  }
  for (const Operand &operand : instruction.operands) {
    const char *problem = operand.isConstant || operand.isSink ? nullptr : wgmma_.touch(operand.place);
    if (problem != nullptr) {
      fail(instruction, static_cast<unsigned>(std::countr_zero(mask)), cuda::kLaunchFailed, problem);
      return false;
    }
  }
  return true;
}

unsigned Warp::wgmmaActor() {
  wgmmaActor_ = wgmmaActor_ == 0 ? block_->watch().clocks().addActor(index_ * kWarpSize) : wgmmaActor_;
  return wgmmaActor_;
}

/// Reports what threads that exit leave unfinished.
void Warp::leave(LaneMask mask) {
  block_->watch().settle();
  block_->watch().arrive(*this, mask, block_->exited());
  forEachLane(mask, [&](unsigned lane) {
    const Instruction *place = &kernel_->code[next_ - 1];
    Complaint complaint = block_->async().exit(index_ * kWarpSize + lane, place);
    const char *problem = wgmma_.exit();
    complaint = problem != nullptr ? problem : complaint;
    if (!complaint.empty()) {
      fail(*place, lane, cuda::kLaunchFailed, complaint);
    }
  });
}

void Warp::exit(LaneMask mask) {
  leave(mask);
  live_ &= ~mask;
  ready_ &= ~mask;
  active_ &= ~mask;
  // Whom lanes wait for has changed: they ask again.
  ready_ |= gathering_;
  gathering_ = 0;
  regroup_ = true;
  block_->afterExit();
}

void Warp::sleep(LaneMask mask) {
  forEachLane(mask, [&](unsigned lane) {
    pc_[lane] = next_;
    waitsAt_[lane] = next_ - 1;
  });
  ready_ &= ~mask;
  active_ &= ~mask;
  regroup_ = true;
}

const Instruction &Warp::instructionOf(unsigned lane) const {
  return kernel_->code[(ready_ >> lane & 1) != 0 ? pc_[lane] : waitsAt_[lane]];
}

Dimensions Warp::threadOf(unsigned lane) const {
  const Dimensions &threads = block_->grid().threads;
  unsigned number = index_ * kWarpSize + lane;
  return {number % threads.x, number / threads.x % threads.y, number / threads.x / threads.y};
}

void Warp::fail(const Instruction &instruction, unsigned lane, cuda::CUresult result, std::string_view what) {
  Finding &finding = block_->cluster().finding();
  if (finding.result == cuda::kSuccess) {
    finding = {result, describe({kernel_, &instruction, block_->index(), threadOf(lane)}, what)};
  }
  regroup_ = true;
}

} // namespace fathom::runtime::ptxsim

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp: 32 threads that execute together where they are at the same instruction.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_WARP_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_WARP_H

#include "runtime/device/ptxsim/access_log.h"
#include "runtime/device/ptxsim/finding.h"
#include "runtime/device/ptxsim/memory.h"
#include "runtime/device/ptxsim/random.h"
#include "runtime/device/ptxsim/wgmma.h"

#include <bit>

namespace fathom::runtime::ptxsim {

class Block;

/// What an instruction does with memory. In the background: shared memory that others are told of (Watch::start).
enum class Access : uint8_t { Read, Write, Atomic, Background };

class Warp {
public:
  /// Begins a block: registers are NaN, all threads of it are at the kernel's first instruction.
  void start(Block &block, unsigned index);
  /// Executes about `most` instructions, fewer where no lane can go on or something was found; returns how many.
  uint64_t run(uint64_t most);

  // --- What handlers use -------------------------------------------------------------------------------------------

  /// The 32 slots of an operand.
  const uint64_t *lanes(const Operand &operand) const {
    return (operand.isConstant ? constants_ : registers_.data()) + size_t{operand.place} * kWarpSize;
  }
  uint64_t *destination(const Operand &operand) { return registers_.data() + size_t{operand.place} * kWarpSize; }
  /// Lanes whose predicate is true.
  LaneMask predicate(const Operand &operand) const;

  /// Host memory of [address, address + bytes) for a lane, after all checks; null after a finding. `address` is of
  /// `space`, `align` what it must be a multiple of.
  uint8_t *access(const Instruction &instruction, Space space, uint64_t address, unsigned bytes, unsigned align,
                  unsigned lane, Access kind);
  /// What a lane does to shared memory in the background, for the counters.
  void logShared(uint32_t address, unsigned bytes, unsigned lane) { log_.addShared(address, bytes, lane); }
  /// The address that an operand [base + offset] has for a lane.
  uint64_t address(const Operand &operand, unsigned lane) const {
    uint64_t sum = lanes(operand)[lane] + static_cast<uint64_t>(operand.offset);
    return operand.bits == 32 ? static_cast<uint32_t>(sum) : sum;
  }

  /// Ends the launch: `what` is told with the place of the instruction and of the thread.
  void fail(const Instruction &instruction, unsigned lane, cuda::CUresult result, std::string_view what);

  /// Sets %clock and its like.
  void readClocks();

  /// Lets others run next: what this warp waits for is theirs to do.
  void yield() { yielded_ = true; }

  Block &block() { return *block_; }
  unsigned index() const { return index_; }
  /// Lanes whose threads exist and have not exited.
  LaneMask live() const { return live_; }

  WgmmaRegisters &wgmma() { return wgmma_; }
  /// Who reads shared memory for this warp's wgmma.
  unsigned wgmmaActor();

  // --- Control: for lanes of `mask`, part of those that execute ------------------------------------------------------

  void branch(LaneMask mask, uint32_t target);
  /// A target for each lane.
  void branchEach(LaneMask mask, const uint32_t *targets);
  void call(LaneMask mask, uint32_t target);
  void ret(LaneMask mask);
  void exit(LaneMask mask);
  /// They go on behind this instruction when `wake` says so.
  void sleep(LaneMask mask);
  void wake(LaneMask mask) { ready_ |= mask & live_; }

  bool hasReady() const { return ready_ != 0; }
  /// Lanes that neither run nor have exited, and where they are.
  LaneMask stuck() const { return live_ & ~ready_; }
  /// Those of them that wait for lanes of their own warp.
  LaneMask gathering() const { return gathering_; }
  const Instruction &instructionOf(unsigned lane) const;
  Dimensions threadOf(unsigned lane) const;

private:
  void leave(LaneMask mask);
  bool touchRegisters(const Instruction &instruction, LaneMask mask);
  void watch(const Instruction &instruction, uint32_t address, unsigned bytes, unsigned lane, Access kind,
             const uint8_t *host);
  void count(const Allocation &allocation, uint64_t address, unsigned bytes, Access kind);
  void pick();
  unsigned firstOf() const;
  unsigned favored();
  uint64_t runGroup(uint64_t most);
  void park();
  bool gather(const Instruction &instruction, LaneMask &mask);
  void setSpecials();
  bool isSame(unsigned lane, unsigned other) const { return pc_[lane] == pc_[other] && depth_[lane] == depth_[other]; }
  uint8_t *global(const Instruction &instruction, uint64_t address, unsigned bytes, unsigned lane, Access kind);
  uint8_t *misplaced(const Instruction &instruction, Space space, uint64_t address, unsigned bytes, unsigned lane,
                     uint64_t size);

  Block *block_ = nullptr;
  const Kernel *kernel_ = nullptr;
  unsigned index_ = 0;
  const uint64_t *constants_ = nullptr;
  std::vector<uint64_t> registers_;
  /// [kWarpSize][Kernel::localBytes]
  std::vector<uint8_t> local_;
  /// Where each lane goes on, but for those of `active_`, which are at `next_`.
  uint32_t pc_[kWarpSize];
  /// Where those that do not run wait.
  uint32_t waitsAt_[kWarpSize];
  uint8_t depth_[kWarpSize];
  /// [depth][kWarpSize]
  std::vector<uint32_t> returns_;
  LaneMask live_ = 0, ready_ = 0, active_ = 0;
  /// Wait at an instruction for the other lanes that take part in it.
  LaneMask gathering_ = 0;
  uint32_t next_ = 0;
  /// Where the active lanes meet others.
  uint32_t meeting_ = 0;
  bool regroup_ = false, yielded_ = false;
  /// Instructions since all lanes were together, to let others run where some spin.
  uint64_t apart_ = 0;
  uint64_t lastTurn_[kWarpSize];
  uint64_t turn_ = 0;
  unsigned favored_ = kWarpSize;
  uint64_t clockReads_ = 0;
  const Allocation *lastAllocation_ = nullptr;
  AccessLog log_;
  WgmmaRegisters wgmma_;
  unsigned wgmmaActor_ = 0;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_WARP_H

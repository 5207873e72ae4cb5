// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one instruction of a warp does with memory, lane by lane: counted where the lanes are together, as hardware
// serves them.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_ACCESS_LOG_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_ACCESS_LOG_H

#include "runtime/device/ptxsim/counters.h"
#include "runtime/device/ptxsim/instruction.h"

namespace fathom::runtime::ptxsim {

class AccessLog {
public:
  void addGlobal(uint64_t address, uint64_t bytes, bool isWrite) {
    if (bytes != 0) {
      (isWrite ? written_ : read_).push_back({address / kSectorBytes, (address + bytes - 1) / kSectorBytes});
      isEmpty_ = false;
    }
  }
  /// Once a lane; a power of two of bytes, 16 at most, aligned.
  void addShared(uint64_t address, unsigned bytes, unsigned lane) {
    shared_[lane] = static_cast<uint32_t>(address);
    sharedLanes_ |= LaneMask{1} << lane;
    sharedBytes_ = bytes;
    isEmpty_ = false;
  }

  /// Adds the instruction to `counters`, and begins another one.
  void count(Counters &counters) {
    if (!isEmpty_) {
      countAll(counters);
    }
  }

private:
  struct SectorRange {
    uint64_t first, last;
  };

  void countAll(Counters &counters);
  static uint64_t takeSectors(std::vector<SectorRange> &ranges);
  uint64_t countConflicts() const;

  std::vector<SectorRange> read_, written_;
  uint32_t shared_[kWarpSize];
  LaneMask sharedLanes_ = 0;
  unsigned sharedBytes_ = 0;
  bool isEmpty_ = true;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_ACCESS_LOG_H

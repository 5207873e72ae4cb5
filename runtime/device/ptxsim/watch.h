// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Watches what the threads of a block do with its shared memory, and reports what goes wrong with both places.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_WATCH_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_WATCH_H

#include "runtime/device/ptxsim/shadow.h"
#include "runtime/device/ptxsim/warp.h"

#include <unordered_map>

namespace fathom::runtime::ptxsim {

class Block;

/// A lane at an instruction.
struct Event {
  Warp &warp;
  const Instruction &instruction;
  unsigned lane;

  unsigned thread() const { return warp.index() * kWarpSize + lane; }
};

class Watch {
public:
  explicit Watch(Block &block);

  /// A lane is about to access [address, address + bytes) of the block's shared memory, which lies at `host`. Strong
  /// accesses to one address order what is around them, whatever their own order is.
  void access(const Event &event, Shadow::Kind kind, uint32_t address, uint32_t bytes, const uint8_t *host);
  /// Like Shadow::start and land.
  void start(const Event &event, unsigned actor, uint32_t epoch, Shadow::Kind kind, uint32_t address, uint32_t bytes);
  void land(unsigned actor, const Instruction &instruction, uint32_t epoch, uint32_t address, uint32_t bytes);

  /// Threads arrive at a barrier and do not wait for it; those that wait meet what these knew.
  void arrive(Warp &warp, LaneMask mask, Knowledge &barrier);
  void meet(std::span<const unsigned> threads, const Knowledge &barrier = {});
  /// bar.warp.sync.
  void meet(Warp &warp, LaneMask mask);

  Clocks &clocks() { return clocks_; }
  /// Reports what can only be judged once it is done. Before a thread exits.
  void settle();

private:
  Block &block_;
  const Instruction *code_;
  Clocks clocks_;
  Shadow shadow_;
  std::unordered_map<uint32_t, Knowledge> synchronized_;
  /// Two writes that race do no harm if both write the same.
  struct {
    bool isThere = false;
    Conflict conflict;
    const uint8_t *host;
    uint32_t bytes;
    uint8_t before[16];
  } doubtful_;
  const uint8_t *host_ = nullptr;
  uint32_t hostBytes_ = 0;

  uint32_t numberOf(const Instruction &instruction) const { return static_cast<uint32_t>(&instruction - code_); }
  void take(const Conflict &conflict);
  void report(const Conflict &conflict);
  std::string describe(const Conflict &conflict) const;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_WATCH_H

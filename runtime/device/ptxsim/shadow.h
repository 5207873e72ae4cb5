// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of every byte of a block's shared memory: whether it was written, and by which accesses that a later
// one could race with.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_SHADOW_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_SHADOW_H

#include "runtime/device/ptxsim/clocks.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace fathom::runtime::ptxsim {

enum class Hazard : uint8_t {
  /// Nothing wrote the bytes that are read.
  Uninitialized,
  /// Two accesses, one of them a write, and nothing orders them.
  Race,
  /// An access to what an asynchronous operation still reads or writes.
  Unfinished,
  /// The async proxy reads what a thread wrote without fence.proxy.async.
  MissingProxyFence,
};

/// Who did something, and which instruction.
struct Doer {
  unsigned actor = 0;
  uint32_t instruction = 0;
};

struct Conflict {
  Hazard hazard;
  uint32_t address;
  Doer access;
  bool isWrite;
  /// What came before; for Uninitialized the same access.
  Doer earlier;
  bool earlierIsWrite;
};

class Shadow {
public:
  using Report = std::function<void(const Conflict &)>;
  Shadow(uint32_t bytes, const Clocks &clocks, Report report);

  enum class Kind : uint8_t {
    Read,
    Write,
    /// Volatile and relaxed accesses and atomics do not race with each other.
    StrongRead,
    StrongWrite,
    AsyncRead,
    AsyncWrite,
  };
  /// An access by a thread.
  void access(unsigned thread, uint32_t instruction, Kind kind, uint32_t address, uint32_t bytes);
  /// An access that `thread` starts, and that `actor` does in `epoch` of its own.
  void start(unsigned thread, Doer access, uint32_t epoch, Kind kind, uint32_t address, uint32_t bytes);
  /// The epoch of a write that did not land, and of a copy that no wait covers yet.
  static constexpr uint32_t kNever = ~uint32_t{0};
  /// Gives writes by `access` that did not land their epoch.
  void land(Doer access, uint32_t epoch, uint32_t address, uint32_t bytes);

private:
  static constexpr uint32_t kCellBytes = 16;
  struct Mark {
    uint32_t epoch;
    uint32_t instruction;
    uint16_t actor;
    uint16_t mask;
    Kind kind;
  };
  /// Many threads read what few write. Only writes conflict with a read, so that reads look at `writes` alone, and
  /// leave their marks unread until there are many.
  struct Cell {
    uint16_t written = 0;
    std::vector<Mark> writes;
    std::vector<Mark> reads;
    /// How many reads make it worthwhile to look for those that others stand for.
    size_t manyReads = 16;
    /// Clocks::era of the last access.
    uint32_t era = 0;
    /// Whether all of `writes` are of earlier eras, so that nobody can race with them.
    bool isSettled = true;
  };

  const Clocks &clocks;
  Report report;
  std::vector<Cell> cells;

  bool isOfThread(const Mark &mark) const { return mark.actor < clocks.threads(); }
  void enterEra(Cell &cell) const;
  void check(unsigned thread, const Mark &mark, const Cell &cell, uint32_t cellAddress);
  void checkAgainst(unsigned thread, const Mark &mark, const std::vector<Mark> &marks, uint32_t cellAddress);
  static void leaveWrite(const Mark &mark, Cell &cell);
  void leaveRead(unsigned thread, const Mark &mark, Cell &cell) const;
  void add(const Mark &mark, Hazard hazard, const Mark &earlier, uint32_t cellAddress);
  template <typename Visit>
  void forEachCell(uint32_t address, uint32_t bytes, Visit visit);
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_SHADOW_H

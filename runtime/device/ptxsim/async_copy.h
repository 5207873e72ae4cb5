// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What works in the background of a block: cp.async, bulk copies and TMA, and the mbarriers that they complete.
//
// A copy lands as late as the ISA allows: when a wait says that it is done, and not before. Until then what it writes
// is poisoned. Copies that complete an mbarrier land one by one, in random order, while threads poll it.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_ASYNC_COPY_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_ASYNC_COPY_H

#include "runtime/device/ptxsim/copy_groups.h"
#include "runtime/device/ptxsim/mbarrier.h"
#include "runtime/device/ptxsim/random.h"
#include "runtime/device/ptxsim/watch.h"

#include <map>

namespace fathom::runtime::ptxsim {

/// What a finding says; empty if there is none.
using Complaint = std::string;

/// A part of a copy: bytes side by side in shared memory, and at `global`. Without it, bytes that are zero or NaN.
struct CopyPart {
  uint8_t *global;
  uint32_t shared;
  uint32_t bytes;
};

/// A copy that began.
struct AsyncCopy {
  explicit AsyncCopy(const Instruction &instruction, uint32_t bytes = 0) : instruction(&instruction), bytes(bytes) {}

  const Instruction *instruction;
  /// Where it begins in shared memory, and the sum of the parts. A swizzled part may lie behind shared + bytes.
  uint32_t shared = 0, bytes;
  std::vector<CopyPart> parts;
  uint8_t fill[16] = {};
  /// A store's bytes, once they are read.
  std::vector<uint8_t> data;
  bool isRead = false;
  /// For cp.reduce: adds a part's bytes to memory instead of storing them.
  void (*reduce)(uint8_t *memory, const uint8_t *data, uint32_t bytes) = nullptr;
};

class AsyncUnit {
public:
  AsyncUnit(Watch &watch, std::vector<uint8_t> &shared, uint64_t seed)
      : watch_(watch), shared_(shared), random_(seed), threads_(watch.clocks().threads()) {}

  // --- cp.async: groups of a thread
  // ------------------------------------------------------------------------------------

  void copy(const Event &event, AsyncCopy copy);
  void commit(unsigned thread) { threads_[thread].copies.commit(); }
  void wait(unsigned thread, uint32_t pending);
  void waitAll(unsigned thread);

  // --- Bulk stores: groups of a thread
  // ---------------------------------------------------------------------------------

  void store(const Event &event, AsyncCopy copy);
  void commitStores(unsigned thread) { threads_[thread].stores.commit(); }
  /// `reads`: only until shared memory may be written again.
  void waitStores(unsigned thread, uint32_t pending, bool reads);

  // --- Mbarriers, and bulk loads that complete them
  // --------------------------------------------------------------------

  Complaint init(const Event &event, uint32_t address, uint32_t count);
  Complaint invalidate(const Event &event, uint32_t address);
  /// `state` gets what test takes.
  Complaint arrive(const Event &event, uint32_t address, uint32_t count, uint32_t expectedBytes, bool drop,
                   uint64_t &state);
  Complaint expectBytes(const Event &event, uint32_t address, uint32_t bytes);
  Complaint test(const Event &event, uint32_t address, uint64_t state, bool isParity, bool &isComplete);
  Complaint load(const Event &event, AsyncCopy copy, uint32_t address);

  // --- Fences and the end
  // ------------------------------------------------------------------------------------------------

  void fenceProxy(unsigned thread);
  /// fence.mbarrier_init.
  void fenceInits(unsigned thread);
  /// What a thread that exits leaves behind.
  Complaint exit(unsigned thread, const Instruction *&place);
  /// What all threads left behind.
  Complaint finish(const Instruction *&place);

private:
  struct Thread {
    CopyGroups<AsyncCopy> copies, stores;
    /// Actors, or 0 where it never copied.
    unsigned copier = 0, storer = 0;
  };
  struct Barrier {
    Mbarrier machine;
    unsigned actor = 0;
    /// What those knew that arrived, and what those know that a phase let pass.
    Knowledge arrived, completed;
    std::vector<AsyncCopy> pending;
    unsigned initThread = 0;
    uint32_t initEpoch = 0;
    bool isFenced = false;
  };

  Watch &watch_;
  std::vector<uint8_t> &shared_;
  Random random_;
  std::vector<Thread> threads_;
  std::map<uint32_t, Barrier> barriers_;

  void start(const Event &event, unsigned actor, uint32_t epoch, Shadow::Kind kind, const AsyncCopy &copy);
  void poison(const AsyncCopy &copy);
  void land(const AsyncCopy &copy);
  void read(AsyncCopy &copy);
  void write(AsyncCopy &copy);
  Complaint landOne(Barrier &barrier);
  Complaint changed(Barrier &barrier, const char *problem, uint64_t phase);
  Barrier &touch(const Event &event, uint32_t address);
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_ASYNC_COPY_H

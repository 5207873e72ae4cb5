// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies in the background.

#include "runtime/device/ptxsim/async_copy.h"

#include <cstring>

namespace fathom::runtime::ptxsim {

using Kind = Shadow::Kind;

static unsigned actorFor(Clocks &clocks, unsigned &actor, unsigned thread) {
  if (actor == 0) {
    actor = clocks.addActor(thread);
  }
  return actor;
}

void AsyncUnit::start(const Event &event, unsigned actor, uint32_t epoch, Kind kind, const AsyncCopy &copy) {
  for (const CopyPart &part : copy.parts) {
    watch_.start(event, actor, epoch, kind, part.shared, part.bytes);
  }
}

/// Until a copy lands, nobody can know what is there.
void AsyncUnit::poison(const AsyncCopy &copy) {
  for (const CopyPart &part : copy.parts) {
    std::memset(shared_.data() + part.shared, 0xff, part.bytes);
  }
}

/// Writes shared memory.
void AsyncUnit::land(const AsyncCopy &copy) {
  for (const CopyPart &part : copy.parts) {
    uint8_t *to = shared_.data() + part.shared;
    if (part.global != nullptr) {
      std::memcpy(to, part.global, part.bytes);
      continue;
    }
    for (uint32_t i = 0; i < part.bytes; ++i) {
      to[i] = copy.fill[(part.shared + i) % sizeof(copy.fill)];
    }
  }
}

// --- cp.async
// -----------------------------------------------------------------------------------------------------------

void AsyncUnit::copy(const Event &event, AsyncCopy copy) {
  Thread &thread = threads_[event.thread()];
  unsigned actor = actorFor(watch_.clocks(), thread.copier, event.thread());
  start(event, actor, thread.copies.current(), Kind::Write, copy);
  poison(copy);
  thread.copies.issue(std::move(copy));
}

void AsyncUnit::wait(unsigned number, uint32_t pending) {
  Thread &thread = threads_[number];
  thread.copies.wait(pending, [&](const AsyncCopy &copy) { land(copy); });
  if (thread.copier != 0) {
    watch_.clocks().finish(number, thread.copier, thread.copies.complete());
  }
}

void AsyncUnit::waitAll(unsigned number) {
  commit(number);
  wait(number, 0);
}

// --- Bulk stores
// --------------------------------------------------------------------------------------------------------

void AsyncUnit::store(const Event &event, AsyncCopy copy) {
  Thread &thread = threads_[event.thread()];
  unsigned actor = actorFor(watch_.clocks(), thread.storer, event.thread());
  start(event, actor, thread.stores.current(), Kind::AsyncRead, copy);
  thread.stores.issue(std::move(copy));
}

/// Reads shared memory.
void AsyncUnit::read(AsyncCopy &copy) {
  if (copy.isRead) {
    return;
  }
  copy.isRead = true;
  for (const CopyPart &part : copy.parts) {
    const uint8_t *from = shared_.data() + part.shared;
    copy.data.insert(copy.data.end(), from, from + part.bytes);
  }
}

/// Writes global memory.
void AsyncUnit::write(AsyncCopy &copy) {
  read(copy);
  const uint8_t *from = copy.data.data();
  for (const CopyPart &part : copy.parts) {
    if (part.global != nullptr && copy.reduce != nullptr) {
      copy.reduce(part.global, from, part.bytes);
    } else if (part.global != nullptr) {
      std::memcpy(part.global, from, part.bytes);
    }
    from += part.bytes;
  }
}

void AsyncUnit::waitStores(unsigned number, uint32_t pending, bool reads) {
  Thread &thread = threads_[number];
  uint32_t last = thread.stores.committed() - std::min(thread.stores.committed(), pending);
  thread.stores.forEachDue(pending, [&](AsyncCopy &copy) { read(copy); });
  if (!reads) {
    thread.stores.wait(pending, [&](AsyncCopy &copy) { write(copy); });
  }
  if (thread.storer != 0) {
    watch_.clocks().finish(number, thread.storer, last);
  }
}

// --- Mbarriers
// ----------------------------------------------------------------------------------------------------------

static Complaint complaint(const char *problem) { return problem == nullptr ? "" : problem; }

/// All but init may be done by many threads at once, and must come after it.
AsyncUnit::Barrier &AsyncUnit::touch(const Event &event, uint32_t address) {
  Barrier &barrier = barriers_[address];
  if (barrier.machine.isInitialized()) {
    watch_.start(event, event.thread(), watch_.clocks().epoch(event.thread()), Kind::StrongRead, address, 8);
  }
  return barrier;
}

/// After something that may have completed a phase.
Complaint AsyncUnit::changed(Barrier &barrier, const char *problem, uint64_t phase) {
  if (problem == nullptr && barrier.machine.phase() != phase) {
    barrier.completed.join(barrier.arrived);
    barrier.completed.raise(barrier.actor, static_cast<uint32_t>(barrier.machine.phase()));
  }
  return complaint(problem);
}

Complaint AsyncUnit::init(const Event &event, uint32_t address, uint32_t count) {
  Clocks &clocks = watch_.clocks();
  watch_.start(event, event.thread(), clocks.epoch(event.thread()), Kind::Write, address, 8);
  Barrier &barrier = barriers_[address];
  const char *problem = barrier.machine.init(count);
  unsigned actor = actorFor(clocks, barrier.actor, event.thread());
  // Phases are counted from the first again: what landed before must not seem to be finished.
  actor = barrier.machine.phase() == 0 && barrier.completed.seen ? clocks.addActor(event.thread()) : actor;
  if (problem == nullptr) {
    barrier = {barrier.machine, actor, {}, {}, {}, event.thread(), clocks.epoch(event.thread()), false};
  }
  return complaint(problem);
}

Complaint AsyncUnit::invalidate(const Event &event, uint32_t address) {
  watch_.start(event, event.thread(), watch_.clocks().epoch(event.thread()), Kind::Write, address, 8);
  Barrier &barrier = barriers_[address];
  if (!barrier.pending.empty()) {
    return "the mbarrier is invalidated while copies that complete it are under way";
  }
  return complaint(barrier.machine.invalidate());
}

Complaint AsyncUnit::arrive(const Event &event, uint32_t address, uint32_t count, uint32_t expectedBytes, bool drop,
                            uint64_t &state) {
  Barrier &barrier = touch(event, address);
  uint64_t phase = state = barrier.machine.phase();
  watch_.clocks().release(event.thread(), barrier.arrived);
  const char *problem = expectedBytes == 0 ? nullptr : barrier.machine.expectBytes(expectedBytes);
  problem = problem == nullptr ? barrier.machine.arrive(count, drop) : problem;
  return changed(barrier, problem, phase);
}

Complaint AsyncUnit::expectBytes(const Event &event, uint32_t address, uint32_t bytes) {
  return complaint(touch(event, address).machine.expectBytes(bytes));
}

Complaint AsyncUnit::landOne(Barrier &barrier) {
  if (barrier.pending.empty()) {
    return "";
  }
  std::swap(barrier.pending[random_.below(static_cast<unsigned>(barrier.pending.size()))], barrier.pending.back());
  AsyncCopy copy = std::move(barrier.pending.back());
  barrier.pending.pop_back();
  land(copy);
  uint64_t phase = barrier.machine.phase();
  for (const CopyPart &part : copy.parts) {
    watch_.land(barrier.actor, *copy.instruction, static_cast<uint32_t>(phase + 1), part.shared, part.bytes);
  }
  return changed(barrier, barrier.machine.completeBytes(copy.bytes), phase);
}

Complaint AsyncUnit::test(const Event &event, uint32_t address, uint64_t state, bool isParity, bool &isComplete) {
  Barrier &barrier = barriers_[address];
  auto ask = [&] {
    return isParity ? barrier.machine.testParity(event.thread(), state & 1, isComplete)
                    : barrier.machine.test(state, isComplete);
  };
  isComplete = false;
  Complaint problem = complaint(ask());
  if (problem.empty() && !isComplete) {
    problem = landOne(barrier);
    problem = problem.empty() ? complaint(ask()) : problem;
  }
  if (problem.empty() && isComplete) {
    touch(event, address);
    watch_.clocks().acquire(event.thread(), barrier.completed);
  }
  return problem;
}

Complaint AsyncUnit::load(const Event &event, AsyncCopy copy, uint32_t address) {
  Barrier &barrier = touch(event, address);
  if (!barrier.machine.isInitialized()) {
    return "the mbarrier is not initialized";
  }
  if (!barrier.isFenced && !watch_.clocks().isFenced(event.thread(), barrier.initThread, barrier.initEpoch)) {
    return "the mbarrier was initialized without fence.mbarrier_init or fence.proxy.async, which the async proxy needs";
  }
  start(event, barrier.actor, Shadow::kNever, Kind::AsyncWrite, copy);
  poison(copy);
  barrier.pending.push_back(std::move(copy));
  return "";
}

// --- Fences and the end
// -------------------------------------------------------------------------------------------------

void AsyncUnit::fenceProxy(unsigned thread) {
  unsigned copier = threads_[thread].copier;
  watch_.clocks().fenceProxy(thread, copier == 0 ? thread : copier);
}

void AsyncUnit::fenceInits(unsigned thread) {
  for (auto &[address, barrier] : barriers_) {
    barrier.isFenced |= barrier.machine.isInitialized() && barrier.initThread == thread;
  }
}

Complaint AsyncUnit::exit(unsigned number, const Instruction *&place) {
  Thread &thread = threads_[number];
  if (!thread.copies.isEmpty()) {
    place = thread.copies.oldest().instruction;
    return "unfinished: the thread exits, and nothing waited for this copy";
  }
  bool isUnread = false;
  thread.stores.commit();
  thread.stores.forEachDue(0, [&](AsyncCopy &copy) {
    if (!copy.isRead && !isUnread) {
      isUnread = true;
      place = copy.instruction;
    }
  });
  if (isUnread) {
    return "unfinished: the thread exits while this copy may still read shared memory";
  }
  thread.stores.wait(0, [&](AsyncCopy &copy) { write(copy); });
  return "";
}

Complaint AsyncUnit::finish(const Instruction *&place) {
  for (auto &[address, barrier] : barriers_) {
    if (!barrier.pending.empty()) {
      place = barrier.pending.front().instruction;
      return "unfinished: all threads have exited, and nothing waited for this copy";
    }
  }
  return "";
}

} // namespace fathom::runtime::ptxsim

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How threads share a list of launches: all walk it from its first to its last, each at its own pace.
//
// At a launch a walker waits for those that the launch depends on, claims items until none is left, and goes on; who
// ends the last item says that the launch is finished. So nobody waits for a launch but those who need what it wrote.
// All that a launch depends on stands before it, where every walker was: whom a walker waits for runs, or waits for
// something earlier, and so a list ends.
//
// A System has the atomics and the sleep, so that a test can try every order of their operations.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H
#define FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H

#include "runtime/src/memory.h"

#include <atomic>

namespace fathom::runtime {

/// How far a launch is. `awaited`: not finished, and somebody may sleep until it is.
enum class Progress : uint32_t { running, awaited, finished };

/// What walkers say each other of a launch: in one line, since they come to all of it together.
template <class System>
struct alignas(kAlignment) LaunchSlot {
  /// The first item that nobody has claimed, or beyond the last.
  typename System::template Atomic<int64_t> next{0};
  /// Items that have ended.
  typename System::template Atomic<int64_t> done{0};
  /// A Progress; sleepers sleep on it.
  typename System::template Atomic<uint32_t> progress{0};

  /// Only while nobody walks.
  void reset() {
    next.store(0, std::memory_order_relaxed);
    done.store(0, std::memory_order_relaxed);
    progress.store(uint32_t(Progress::running), std::memory_order_relaxed);
  }
};

template <class System>
void finish(LaunchSlot<System> &slot) {
  uint32_t before = slot.progress.exchange(uint32_t(Progress::finished), std::memory_order_acq_rel);
  if (before == uint32_t(Progress::awaited)) {
    System::wakeAll(&slot.progress);
  }
}

/// Returns when the launch is finished, and all that its items wrote can be seen.
template <class System>
void awaitFinish(LaunchSlot<System> &slot, int spins) {
  for (int tries = 0;; ++tries) {
    uint32_t now = slot.progress.load(std::memory_order_acquire);
    if (now == uint32_t(Progress::finished)) {
      return;
    }
    if (tries < spins) {
      System::pause();
      continue;
    }
    constexpr uint32_t kAwaited = uint32_t(Progress::awaited);
    if (now == kAwaited || slot.progress.compare_exchange_strong(now, kAwaited, std::memory_order_relaxed)) {
      System::wait(&slot.progress, kAwaited);
    }
  }
}

/// How many walkers a list may have, and how often one looks again before it sleeps.
struct WalkLimits {
  int64_t walkers;
  int spins;
};

/// Runs what is left of a launch's |items|, in pieces: few enough that claims cost nothing, enough of them that the
/// last ones end together.
template <class System, class List>
void claimItems(List &list, LaunchSlot<System> &slot, int64_t items, int64_t walkers) {
  int64_t claims = walkers * 16, grain = items > claims ? items / claims : 1, ended = 0;
  for (;;) {
    int64_t begin = slot.next.fetch_add(grain, std::memory_order_relaxed);
    if (begin >= items) {
      break;
    }
    int64_t end = items - begin > grain ? begin + grain : items;
    list.run(begin, end);
    ended += end - begin;
  }
  if (ended > 0 && slot.done.fetch_add(ended, std::memory_order_acq_rel) + ended == items) {
    finish(slot);
  }
}

/// One walker's way. |list| is its own view of a list that all walkers share: size(); earlier(i), launches before i
/// that i waits for; open(i), which makes i the launch at hand and returns its items; run(begin, end), which runs some
/// of them. When all walkers are back, all launches have run.
template <class System, class List>
void walk(List &list, LaunchSlot<System> *slots, const WalkLimits &limits) {
  for (uint32_t i = 0; i < list.size(); ++i) {
    for (uint32_t earlier : list.earlier(i)) {
      awaitFinish(slots[earlier], limits.spins);
    }
    if (int64_t items = list.open(i); items > 0) {
      claimItems(list, slots[i], items, limits.walkers);
    } else {
      finish(slots[i]); // Every walker says so: the first one must not have to hurry.
    }
  }
}

/// The way of one who shares the list with nobody.
template <class List>
void walkAlone(List &list) {
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (int64_t items = list.open(i); items > 0) {
      list.run(0, items);
    }
  }
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H

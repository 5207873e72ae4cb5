// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How threads share a list of launches: all walk it from its first to its last, each at its own pace.
//
// At a launch a walker waits for those that the launch depends on, claims items until none is left, and goes on. So
// nobody waits for a launch but those who need what it wrote. All that a launch depends on stands before it, where
// every walker was: whom a walker waits for runs, or waits for something earlier, and so a list ends.
//
// A System has the atomics and the sleep, so that a test can try every order of their operations.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H
#define FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H

#include "runtime/src/memory.h"

#include <atomic>

namespace fathom::runtime {

/// An item that has ended, in LaunchSlot::claims: above all items that can be claimed, fewer than two times 2^31, since
/// each writes some of a call's outputs, and so many have no room.
constexpr uint64_t kEnded = uint64_t(1) << 32;

/// Who may sleep until a launch has ended: nobody, somebody, or nobody any more.
enum class Sleepers : uint32_t { none, some, over };

/// What walkers say each other of a launch: in one line, since they come to all of it together.
template <class System>
struct alignas(kAlignment) LaunchSlot {
  /// The first item that nobody has claimed, or beyond the last; and items that have ended, each as kEnded.
  typename System::template Atomic<uint64_t> claims{0};
  /// A Sleepers; they sleep on it. It stays `over`: who comes late must not make an earlier one sleep on.
  typename System::template Atomic<uint32_t> sleepers{0};

  /// Only while nobody walks.
  void reset() {
    claims.store(0, std::memory_order_relaxed);
    sleepers.store(uint32_t(Sleepers::none), std::memory_order_relaxed);
  }
};

/// Returns when all |items| of a launch have ended, and all that they wrote can be seen.
template <class System>
void awaitEnd(LaunchSlot<System> &slot, int64_t items, int spins) {
  auto isOver = [&](std::memory_order order) {
    return static_cast<int64_t>(slot.claims.load(order) / kEnded) >= items;
  };
  for (int tries = 0; !isOver(std::memory_order_acquire); ++tries) {
    if (tries < spins) {
      System::pause();
      continue;
    }
    // Who ends the last item looks for sleepers after it has said so: one of the two sees the other.
    uint32_t before = uint32_t(Sleepers::none);
    slot.sleepers.compare_exchange_strong(before, uint32_t(Sleepers::some), std::memory_order_seq_cst);
    if (before == uint32_t(Sleepers::over)) {
      return;
    }
    if (!isOver(std::memory_order_seq_cst)) {
      System::wait(&slot.sleepers, uint32_t(Sleepers::some));
    }
  }
}

template <class System>
void wakeSleepers(LaunchSlot<System> &slot) {
  if (slot.sleepers.load(std::memory_order_seq_cst) == uint32_t(Sleepers::some)) {
    slot.sleepers.store(uint32_t(Sleepers::over), std::memory_order_seq_cst);
    System::wakeAll(&slot.sleepers);
  }
}

/// How many walkers a list may have, and how often one looks again before it sleeps.
struct WalkLimits {
  int64_t walkers;
  int spins;
};

/// How many of |left| items a walker claims: half of its share, so that the last ones end together where one is slower
/// than another; where a share is a few items, all of it, since there a claim costs as much as an item (guided
/// self-scheduling: Polychronopoulos and Kuck, 1987).
inline int64_t pieceOf(int64_t left, int64_t walkers) {
  int64_t share = left / walkers;
  return share > 8 ? share / 2 : share > 1 ? share : 1;
}

/// Runs what is left of a launch's |items|, in pieces. The claim of one says that the one before has ended: walkers
/// come to the slot's line as seldom as can be.
template <class System, class List>
void claimItems(List &list, LaunchSlot<System> &slot, int64_t items, int64_t walkers) {
  for (int64_t left = items, ended = 0;;) {
    int64_t piece = pieceOf(left, walkers);
    uint64_t before = slot.claims.fetch_add(ended * kEnded + piece, std::memory_order_seq_cst);
    int64_t begin = before % kEnded, end = items - begin > piece ? begin + piece : items;
    if (begin >= items) {
      if (ended > 0 && int64_t(before / kEnded) + ended == items) {
        wakeSleepers(slot);
      }
      return;
    }
    list.run(begin, end);
    ended = end - begin;
    left = items - end;
  }
}

/// One walker's way. |list| is its own view of a list that all walkers share: size(); items(i), of launch i;
/// earlier(i), launches before i that i waits for; open(i), which makes i the launch at hand; run(begin, end), which
/// runs some of its items. When all walkers are back, all launches have run.
template <class System, class List>
void walk(List &list, LaunchSlot<System> *slots, const WalkLimits &limits) {
  for (uint32_t i = 0; i < list.size(); ++i) {
    for (uint32_t earlier : list.earlier(i)) {
      awaitEnd(slots[earlier], list.items(earlier), limits.spins);
    }
    if (int64_t items = list.items(i); items > 0) {
      list.open(i);
      claimItems(list, slots[i], items, limits.walkers);
    }
  }
}

/// The way of one who shares the list with nobody.
template <class List>
void walkAlone(List &list) {
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (int64_t items = list.items(i); items > 0) {
      list.open(i);
      list.run(0, items);
    }
  }
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_COMMAND_WALK_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of half-written files, which a signal handler removes when the process is interrupted.

#include "dialects/support/TemporaryRegistry.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace fathom {

namespace {
enum SlotState : int { Free, Filling, Active };

struct Slot {
  std::atomic<int> state{Free};
  int directory = -1;
  char name[NAME_MAX + 1] = {};
  /// The directory for a process in which it is not open; empty if it has no path.
  char directoryPath[PATH_MAX] = {};
};
} // namespace

// All of this is read by the signal handler: fixed size, no locks, no allocation.
static constexpr int kSlotCount = 64;
static Slot ownSlots[kSlotCount];
/// Own, or shared with a parent process.
static Slot *slots = ownSlots;
static constexpr int kHandledSignals[] = {SIGINT, SIGTERM, SIGHUP};
namespace {
struct sigaction previousActions[std::size(kHandledSignals)];
} // namespace

static_assert(std::atomic<int>::is_always_lock_free, "the signal handler reads slots");

void removeTemporaries() {
  for (int i = 0; i < kSlotCount; ++i) {
    if (slots[i].state.load(std::memory_order_acquire) == Active) {
      unlinkat(slots[i].directory, slots[i].name, 0);
    }
  }
}

bool shareTemporaries() {
  if (slots != ownSlots) {
    return true;
  }
  void *memory = mmap(nullptr, kSlotCount * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  slots = new (memory) Slot[kSlotCount];
  return true;
}

void removeTemporariesOfChild() {
  for (int i = 0; i < kSlotCount; ++i) {
    Slot &slot = slots[i];
    if (slot.state.exchange(Free) == Active && slot.directoryPath[0]) {
      unlink((std::string(slot.directoryPath) + "/" + slot.name).c_str());
    }
  }
}

static void handleSignal(int number) {
  int savedErrno = errno;
  removeTemporaries();
  for (size_t i = 0; i < std::size(kHandledSignals); ++i) {
    if (kHandledSignals[i] == number) {
      sigaction(number, &previousActions[i], nullptr);
    }
  }
  // Blocked while this handler runs; delivered when it returns.
  raise(number);
  errno = savedErrno;
}

static void installHandler(size_t index) {
  int number = kHandledSignals[index];
  struct sigaction current;
  if (sigaction(number, nullptr, &current) != 0 || current.sa_handler == handleSignal) {
    return;
  }
  if (!(current.sa_flags & SA_SIGINFO) && current.sa_handler == SIG_IGN) {
    return;
  }
  // In place before the handler can run.
  previousActions[index] = current;
  struct sigaction action = {};
  action.sa_handler = handleSignal;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

/// Done for every file: whoever installed a handler since then is called after ours.
static void installHandlers() {
  static std::mutex installing;
  std::lock_guard<std::mutex> lock(installing);
  for (size_t i = 0; i < std::size(kHandledSignals); ++i) {
    installHandler(i);
  }
  struct sigaction sizeLimit = {};
  if (sigaction(SIGXFSZ, nullptr, &sizeLimit) == 0 && sizeLimit.sa_handler == SIG_DFL) {
    sizeLimit.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &sizeLimit, nullptr);
  }
}

static int takeSlot() {
  for (int i = 0; i < kSlotCount; ++i) {
    int expected = Free;
    if (slots[i].state.compare_exchange_strong(expected, Filling)) {
      return i;
    }
  }
  return -1;
}

TemporaryRegistration::TemporaryRegistration(int directory, const std::string &path, const std::string &name)
    : slot(-1) {
  installHandlers();
  if (name.size() > NAME_MAX) {
    return;
  }
  slot = takeSlot();
  if (slot < 0) {
    return;
  }
  slots[slot].directory = directory;
  memcpy(slots[slot].name, name.c_str(), name.size() + 1);
  if (!realpath(path.c_str(), slots[slot].directoryPath)) {
    slots[slot].directoryPath[0] = '\0';
  }
  slots[slot].state.store(Active, std::memory_order_release);
}

TemporaryRegistration::~TemporaryRegistration() {
  if (slot >= 0) {
    slots[slot].state.store(Free, std::memory_order_release);
  }
}

} // namespace fathom

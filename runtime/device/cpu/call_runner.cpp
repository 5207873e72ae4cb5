// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Items of nests, in parts.

#include "runtime/device/cpu/call_runner.h"

namespace fathom::runtime {

/// Instructions of a part: fewer take less time than a thread that has to be woken for them.
static constexpr int64_t kPartWork = 1 << 15;
/// Parts of each thread, so that one which is late leaves some to others.
static constexpr int64_t kPartsPerThread = 4;

namespace {
struct Parts {
  fathom_nest_fn nest;
  void *captured;
  int64_t items, count;
  /// The first part that failed, and what it said.
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  int64_t failed;
  const char *message;

  void run(int64_t part) {
    // Not a product of items, which may be as many as a number has room for.
    int64_t each = items / count, more = items % count, first = part * each + (part < more ? part : more);
    const char *said = nest(captured, first, first + each + (part < more));
    if (said) {
      keep(part, said);
    }
  }

  void keep(int64_t part, const char *said) {
    while (lock.test_and_set(std::memory_order_acquire)) {
    }
    if (part < failed) {
      failed = part;
      message = said;
    }
    lock.clear(std::memory_order_release);
  }
};
} // namespace

bool CallRunner::take(uint32_t threads) {
  if (isTaken.exchange(true, std::memory_order_acquire)) {
    return false;
  }
  isStarted = isStarted || pool.start(threads, 0) == FATHOM_STATUS_OK;
  if (!isStarted) {
    giveBack();
  }
  return isStarted;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

const char *CallRunner::run(fathom_nest_fn nest, void *captured, int64_t items, int64_t work) {
  int64_t all = 0;
  bool isMuch = __builtin_mul_overflow(items, work, &all);
  int64_t most = smaller(items, pool.threads() * kPartsPerThread);
  int64_t count = isMuch ? most : smaller(most, all / kPartWork);
  if (count < 2) {
    return nest(captured, 0, items);
  }
  Parts parts = {nest, captured, items, count, ATOMIC_FLAG_INIT, count, nullptr};
  pool.run(
      [](const void *task, int64_t part, void *) { const_cast<Parts *>(static_cast<const Parts *>(task))->run(part); },
      &parts, count);
  return parts.message;
}

} // namespace fathom::runtime

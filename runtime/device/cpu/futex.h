// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sleep of threads of one process, on a word of memory.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_FUTEX_H
#define FATHOM_RUNTIME_DEVICE_CPU_FUTEX_H

#include <atomic>
#include <immintrin.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fathom::runtime {

/// Sleeps until somebody wakes sleepers of |word|, or now and then without a reason; not at all if it is not
/// |expected|.
inline void futexWait(std::atomic<uint32_t> *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

inline void futexWake(std::atomic<uint32_t> *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

/// The System of threads that the kernel schedules, for what command_walk.h says.
struct ThreadSystem {
  template <class T>
  using Atomic = std::atomic<T>;

  static void pause() { _mm_pause(); }
  static void wait(std::atomic<uint32_t> *word, uint32_t expected) { futexWait(word, expected); }
  static void wakeAll(std::atomic<uint32_t> *word) { futexWake(word, INT_MAX); }
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_FUTEX_H

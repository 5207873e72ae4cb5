// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What times are taken from.

#ifndef FATHOM_RUNTIME_SRC_CLOCK_H
#define FATHOM_RUNTIME_SRC_CLOCK_H

#include <stdint.h>
#include <time.h>

namespace fathom::runtime {

/// Nanoseconds on the monotonic clock.
inline uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000 + static_cast<uint64_t>(time.tv_nsec);
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_CLOCK_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keeps a second call out of an object that takes one call at a time.

#ifndef FATHOM_RUNTIME_SRC_BUSY_SCOPE_H
#define FATHOM_RUNTIME_SRC_BUSY_SCOPE_H

#include "runtime/src/status.h"

#include <atomic>

namespace fathom::runtime {

class BusyScope {
public:
  explicit BusyScope(std::atomic<bool> *flag) : flag(flag) {
    entered = !flag->exchange(true, std::memory_order_acquire);
    if (!entered) {
      status = fail(FATHOM_STATUS_BUSY, "another call is running on this object, or a callback called it");
    }
  }
  BusyScope(const BusyScope &) = delete;
  BusyScope &operator=(const BusyScope &) = delete;
  ~BusyScope() {
    if (entered) {
      flag->store(false, std::memory_order_release);
    }
  }

  fathom_status_t status = FATHOM_STATUS_OK;

private:
  std::atomic<bool> *flag;
  bool entered;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_BUSY_SCOPE_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of an mbarrier object.

#include "runtime/device/ptxsim/mbarrier.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

static constexpr const char *kUninitialized = "the mbarrier is not initialized";

const char *Mbarrier::init(uint32_t count) {
  if (isInitialized_) {
    return "the mbarrier is initialized already, and was not invalidated";
  }
  if (count == 0 || count > kMaxCount) {
    return "an mbarrier expects 1 to 1048575 arrivals";
  }
  *this = {};
  isInitialized_ = true;
  expected_ = pending_ = count;
  return nullptr;
}

const char *Mbarrier::invalidate() {
  if (!isInitialized_) {
    return kUninitialized;
  }
  isInitialized_ = false;
  return nullptr;
}

void Mbarrier::completePhase() {
  if (pending_ == 0 && pendingBytes_ == 0) {
    ++phase_;
    pending_ = expected_;
  }
}

const char *Mbarrier::arrive(uint32_t count, bool drop) {
  if (!isInitialized_) {
    return kUninitialized;
  }
  if (count == 0 || count > pending_) {
    return "more arrivals at the mbarrier than its phase expects";
  }
  pending_ -= count;
  expected_ -= drop ? count : 0;
  completePhase();
  return nullptr;
}

const char *Mbarrier::addBytes(int64_t bytes) {
  if (!isInitialized_) {
    return kUninitialized;
  }
  pendingBytes_ += bytes;
  if (std::max(pendingBytes_, -pendingBytes_) > kMaxCount) {
    return "the tx-count of the mbarrier leaves -1048575 to 1048575";
  }
  return nullptr;
}

const char *Mbarrier::expectBytes(uint32_t bytes) { return addBytes(bytes); }

const char *Mbarrier::completeBytes(uint32_t bytes) {
  const char *problem = addBytes(-int64_t{bytes});
  if (problem == nullptr) {
    completePhase();
  }
  return problem;
}

const char *Mbarrier::test(uint64_t state, bool &isComplete) const {
  if (!isInitialized_) {
    return kUninitialized;
  }
  if (state > phase_ || state + 1 < phase_) {
    return "the state is neither that of the current phase nor of the one before";
  }
  isComplete = state < phase_;
  return nullptr;
}

const char *Mbarrier::testParity(unsigned thread, unsigned parity, bool &isComplete) {
  if (!isInitialized_) {
    return kUninitialized;
  }
  isComplete = (phase_ & 1) != (parity & 1);
  auto known = known_.find(thread);
  if (known != known_.end()) {
    // The phase that the thread waits for: the first that it does not know, or the last that it knows, once more.
    uint64_t count = known->second;
    uint64_t phase = (count & 1) == (parity & 1) ? count : count - 1;
    if (count + 1 < phase_ && phase == count) {
      return "the thread waits for a phase of the mbarrier that is two or more behind";
    }
  }
  if (isComplete) {
    known_[thread] = phase_;
  }
  return nullptr;
}

} // namespace fathom::runtime::ptxsim

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of an mbarrier object: phases that end when all have arrived and all bytes have come.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_MBARRIER_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_MBARRIER_H

#include <cstdint>
#include <map>

namespace fathom::runtime::ptxsim {

/// Functions that return text say what is wrong; null if nothing is.
class Mbarrier {
public:
  static constexpr uint32_t kMaxCount = (1 << 20) - 1;

  const char *init(uint32_t count);
  const char *invalidate();

  /// Number of the phase that is not complete, from 0.
  uint64_t phase() const { return phase_; }
  bool isInitialized() const { return isInitialized_; }
  uint32_t pending() const { return pending_; }
  int64_t pendingBytes() const { return pendingBytes_; }

  /// `drop`: the thread takes no part in later phases.
  const char *arrive(uint32_t count = 1, bool drop = false);
  const char *expectBytes(uint32_t bytes);
  const char *completeBytes(uint32_t bytes);

  /// Whether the phase whose arrival gave `state`, its number, is complete.
  const char *test(uint64_t state, bool &isComplete) const;
  /// Whether the last phase of this parity is complete, for a thread that waits for phases one after the other.
  const char *testParity(unsigned thread, unsigned parity, bool &isComplete);

private:
  bool isInitialized_ = false;
  uint32_t expected_ = 0, pending_ = 0;
  /// May be negative: bytes can come before they are expected.
  int64_t pendingBytes_ = 0;
  uint64_t phase_ = 0;
  /// By thread, how many phases it knows to be complete.
  std::map<unsigned, uint64_t> known_;

  const char *addBytes(int64_t bytes);
  void completePhase();
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_MBARRIER_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers for schedules: the same for a seed on every machine.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_RANDOM_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_RANDOM_H

#include <cstdint>

namespace fathom::runtime::ptxsim {

/// SplitMix64.
class Random {
public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = (state_ ^ state_ >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
  }
  /// Below `bound`, which is small and not 0.
  unsigned below(unsigned bound) { return static_cast<unsigned>((next() >> 32) * bound >> 32); }

private:
  uint64_t state_;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_RANDOM_H

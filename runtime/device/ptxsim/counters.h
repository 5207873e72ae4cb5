// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What simulated kernels did, counted.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H

#include "runtime/device/ptxsim/types.h"

namespace fathom::runtime::ptxsim {

struct Counters {
  /// Of warps, and of the lanes that took part.
  uint64_t instructions = 0, laneInstructions = 0;
  /// By space; accesses through generic addresses count where they are.
  uint64_t bytesRead[kSpaces] = {}, bytesWritten[kSpaces] = {};

  void add(const Counters &other) {
    instructions += other.instructions;
    laneInstructions += other.laneInstructions;
    for (unsigned space = 0; space < kSpaces; ++space) {
      bytesRead[space] += other.bytesRead[space];
      bytesWritten[space] += other.bytesWritten[space];
    }
  }
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H

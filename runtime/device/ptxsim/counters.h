// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What simulated kernels did, counted.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H

#include "runtime/device/ptxsim/types.h"

namespace fathom::runtime::ptxsim {

/// What global memory moves at least.
constexpr unsigned kSectorBytes = 32;

struct Counters {
  /// Of warps, and of the lanes that took part.
  uint64_t instructions = 0, laneInstructions = 0;
  /// mma and wgmma, of warps.
  uint64_t matrixInstructions = 0;
  /// By space; accesses through generic addresses count where they are.
  uint64_t bytesRead[kSpaces] = {}, bytesWritten[kSpaces] = {};
  /// Of global memory: those that a warp's access touches, each once, summed over accesses.
  uint64_t sectorsRead = 0, sectorsWritten = 0;
  /// Of global memory: those that a launch touches, each once, summed over launches.
  uint64_t distinctBytesRead = 0, distinctBytesWritten = 0;
  /// Accesses of warps to shared memory, and their passes over its banks beyond those that their width needs.
  uint64_t sharedAccesses = 0, bankConflicts = 0;
  /// What cp.async and bulk copies, with a tensor map or without, move.
  uint64_t asyncBytes = 0, bulkBytes = 0;

  void add(const Counters &other) {
    instructions += other.instructions;
    laneInstructions += other.laneInstructions;
    matrixInstructions += other.matrixInstructions;
    for (unsigned space = 0; space < kSpaces; ++space) {
      bytesRead[space] += other.bytesRead[space];
      bytesWritten[space] += other.bytesWritten[space];
    }
    sectorsRead += other.sectorsRead;
    sectorsWritten += other.sectorsWritten;
    distinctBytesRead += other.distinctBytesRead;
    distinctBytesWritten += other.distinctBytesWritten;
    sharedAccesses += other.sharedAccesses;
    bankConflicts += other.bankConflicts;
    asyncBytes += other.asyncBytes;
    bulkBytes += other.bulkBytes;
  }
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_COUNTERS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench` on a simulated GPU: what kernels do, counted. Its times would say nothing of a machine.

#ifndef FATHOM_TOOLS_DRIVER_COUNTKERNELS_H
#define FATHOM_TOOLS_DRIVER_COUNTKERNELS_H

#include "runtime/cli/cli.h"
#include "runtime/device/ptxsim/ptxsim.h"
#include "tools/driver/BenchResults.h"

namespace fathom::driver {

/// A kernel in a phase.
struct KernelCounts {
  /// Its symbol.
  std::string name;
  runtime::ptxsim::KernelCounters counted;

  /// Of global memory, in whole sectors: without caches, what its accesses move.
  uint64_t movedBytes() const;
  /// What it must move: each byte that a launch reads, once, and each that it writes.
  uint64_t leastBytes() const;
  /// Of global memory, those that lanes ask for.
  uint64_t askedBytes() const;
};

/// A prefill, or a decode step.
struct CountedPhase {
  const char *name;
  uint64_t tokens, depth;
  /// Those that move most first.
  std::vector<KernelCounts> kernels;
};

/// One model.
struct CountResults {
  std::string model;
  std::vector<CountedPhase> phases;
};

/// Whether --device, or FATHOM_DEVICE without it, names the simulator.
bool isSimulated(const char *device);

/// Runs a prompt, if there is one, and a decode step behind it. Returns 0, or an exit code with a message on stderr.
int countKernels(const cli::ModelSource &source, const char *model, const BenchOptions &options, CountResults &results);

void printCounts(const std::vector<CountResults> &results);
/// Of one model an object, of several an array.
void printCountsJson(const std::vector<CountResults> &results);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_COUNTKERNELS_H

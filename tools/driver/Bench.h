// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `bench`: how fast a model is, and how near to what the machine can do. On a simulated GPU, what kernels do.

#ifndef FATHOM_TOOLS_DRIVER_BENCH_H
#define FATHOM_TOOLS_DRIVER_BENCH_H

#include "runtime/cli/cli.h"

namespace fathom::driver {

/// Runs `fathom bench MODEL` with the arguments from `argv[first]` on; returns the exit code. `source` says where
/// the model comes from, as for `run`.
int runBench(const cli::ModelSource &source, int argc, const char *const *argv, int first);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCH_H

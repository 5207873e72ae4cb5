// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch: its blocks on the threads of the host.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_LAUNCH_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_LAUNCH_H

#include "runtime/device/ptxsim/block.h"

namespace fathom::runtime::ptxsim {

/// Runs a grid on up to `threads` host threads. What is found is that of the first block that fails, in the order of
/// blocks, whatever the threads; `counters` gets what all blocks did.
Finding runGrid(const Grid &grid, unsigned threads, Counters &counters);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_LAUNCH_H

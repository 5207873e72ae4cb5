// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a kernel's grid on a CPU, for tests.

#ifndef FATHOM_KERNELS_NVPTX_HOST_LAUNCH_H
#define FATHOM_KERNELS_NVPTX_HOST_LAUNCH_H

#include "fathom/kernel_abi.h"

#include <string>

namespace fathom::nv::host {

using Kernel = void (*)(const fathom_dispatch_t *dispatch, const int64_t *constants);

struct Grid {
  int64_t blocks;
  int threads;
  int64_t shared_bytes;
};

/// Runs every block, last first. Returns what was wrong, or nothing: threads that wait for others for ever, a write
/// behind shared memory, copies that nobody waited for.
std::string launch(Kernel kernel, const Grid &grid, const fathom_dispatch_t &dispatch, const int64_t *constants);

} // namespace fathom::nv::host

#endif // FATHOM_KERNELS_NVPTX_HOST_LAUNCH_H

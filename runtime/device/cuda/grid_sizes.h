// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many blocks a launch has.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_GRID_SIZES_H
#define FATHOM_RUNTIME_DEVICE_CUDA_GRID_SIZES_H

#include "fathom/artifact_generated.h"
#include "runtime/device/cuda/gpu.h"

namespace fathom::runtime::cuda {

/// What grids of a session are bounded by. Kernels are right with any number of blocks.
class GridSizes {
public:
  GridSizes() = default;
  /// Scratch memory is at most |scratchLimit| bytes, or what one block needs.
  GridSizes(const GpuFacts &gpu, uint64_t scratchLimit) : gpu(&gpu), scratchLimit(scratchLimit) {}

  /// For |rows| rows of |factor| each.
  uint32_t blocks(const artifact::Grid &grid, uint64_t rows, uint32_t factor) const;

  /// Scratch memory that no launch of |program| exceeds.
  uint64_t scratchBytes(const artifact::Program &program) const;

private:
  uint64_t most(const artifact::Grid &grid) const;

  const GpuFacts *gpu = nullptr;
  uint64_t scratchLimit = 0;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_GRID_SIZES_H

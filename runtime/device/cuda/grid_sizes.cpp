// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Enough blocks to fill the GPU, and no more than there is scratch memory for.

#include "runtime/device/cuda/grid_sizes.h"

#include "runtime/src/memory.h"

#include <algorithm>

namespace fathom::runtime::cuda {

/// Blocks for each multiprocessor: as many as one can hold at once, twice. Further ones would only wait for them.
static constexpr uint64_t kBlocksOfMultiprocessor = 64;

static uint64_t blockScratch(const artifact::Grid &grid) { return grid.scratch_bytes() * grid.threads(); }

uint64_t GridSizes::most(const artifact::Grid &grid) const {
  uint64_t useful = gpu->multiprocessors * kBlocksOfMultiprocessor, scratch = blockScratch(grid);
  return scratch == 0 ? useful : std::max<uint64_t>(1, std::min(useful, scratchLimit / scratch));
}

uint32_t GridSizes::blocks(const artifact::Grid &grid, uint64_t rows, uint32_t factor) const {
  uint64_t groups = (rows * factor + grid.rows_per_block() - 1) / grid.rows_per_block(), wanted;
  wanted = multiply(groups, grid.blocks(), &wanted) ? wanted : UINT64_MAX;
  return static_cast<uint32_t>(std::max<uint64_t>(1, std::min(wanted, most(grid))));
}

uint64_t GridSizes::scratchBytes(const artifact::Program &program) const {
  uint64_t bytes = 0;
  for (const artifact::Kernel *kernel : *program.kernels()) {
    bytes = std::max(bytes, most(*kernel->grid()) * blockScratch(*kernel->grid()));
  }
  return bytes;
}

} // namespace fathom::runtime::cuda

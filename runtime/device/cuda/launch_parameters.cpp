// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fills parameters as kernel_abi.h says.

#include "runtime/device/cuda/launch_parameters.h"

#include <algorithm>
#include <iterator>
#include <stddef.h>

namespace fathom::runtime::cuda {

LaunchParameters::LaunchParameters(const CudaProgram &program, const LaunchMemory &memory, const CommandList &list,
                                   const StepLayout &layout, uint64_t rows)
    : program(program), memory(memory), list(list), rows(rows) {
  using artifact::Place;
  auto set = [&](Place place, CUdeviceptr address) { places[static_cast<size_t>(place)] = address; };
  set(Place::buffer, memory.arena);
  set(Place::experts, memory.weightTable);
  set(Place::tokens, memory.step + layout.tokens);
  set(Place::positions, memory.step + layout.positions);
  set(Place::hidden, memory.step + layout.hidden);
  set(Place::logit_row_ids, memory.step + layout.logitRowIds);
  set(Place::logits, memory.step + layout.logits);
  set(Place::hidden_out, memory.step + layout.hiddenOut);
  set(Place::argmax, memory.step + layout.argmax);
  for (size_t i = 0; i < std::size(pointers); ++i) {
    pointers[i] = &values[i];
  }
}

CUdeviceptr LaunchParameters::address(const LaunchOperand &operand) const {
  return operand.place == artifact::Place::weight ? memory.weights[operand.offset / sizeof(DeviceAddress)]
                                                  : places[static_cast<size_t>(operand.place)] + operand.offset;
}

const KernelNodeParameters &LaunchParameters::of(uint32_t number) {
  const Launch &launch = list.launches[number];
  const artifact::Grid &grid = *program.program().kernels()->Get(launch.kernel)->grid();
  bool all = launch.rows == artifact::Rows::rows;
  values[0] = memory.step;
  values[1] = memory.step + (all ? offsetof(fathom_step_t, rows) : offsetof(fathom_step_t, logit_rows));
  values[2] = launch.factor;
  values[3] = static_cast<uint64_t>(launch.layer);
  values[4] = memory.scratch;
  uint64_t *next = values + kLeading;
  for (uint32_t i = launch.firstOperand; i < launch.lastOperand; ++i) {
    *next++ = address(list.allOperands[i]);
  }
  std::fill(next, values + kMost, 0);
  unsigned blocks = memory.grids.blocks(grid, rows, launch.factor);
  node = {program.kernels()[launch.kernel], blocks,   1,      1, grid.threads(), 1, 1,
          grid.dynamic_shared_bytes(),      pointers, nullptr};
  return node;
}

} // namespace fathom::runtime::cuda

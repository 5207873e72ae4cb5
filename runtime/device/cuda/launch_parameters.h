// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a launch hands to the driver: its grid, and a value for each parameter of its kernel.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_LAUNCH_PARAMETERS_H
#define FATHOM_RUNTIME_DEVICE_CUDA_LAUNCH_PARAMETERS_H

#include "fathom/artifact_abi.h"
#include "runtime/device/cuda/cuda_program.h"
#include "runtime/device/cuda/grid_sizes.h"
#include "runtime/device/cuda/step_memory.h"

namespace fathom::runtime::cuda {

/// What all calls of a session have in common.
struct LaunchMemory {
  CUdeviceptr arena, scratch, step;
  /// Addresses of all weight slices, in the memory of the GPU and in that of the host.
  CUdeviceptr weightTable;
  const DeviceAddress *weights;
  GridSizes grids;
};

/// Of the launches of one list, for calls of up to |rows| rows.
class LaunchParameters {
public:
  LaunchParameters(const CudaProgram &program, const LaunchMemory &memory, const CommandList &list,
                   const StepLayout &layout, uint64_t rows);
  LaunchParameters(const LaunchParameters &) = delete;
  LaunchParameters &operator=(const LaunchParameters &) = delete;

  /// Of a launch that has a kernel; until the next call.
  const KernelNodeParameters &of(uint32_t launch);

  /// Where an operand is.
  CUdeviceptr address(const LaunchOperand &operand) const;

private:
  static constexpr unsigned kLeading = 5;
  static constexpr unsigned kMost = kLeading + FATHOM_MOST_OPERANDS;
  /// All parameters of a function together have at most 32764 bytes.
  static constexpr size_t kMostBytes = 32 << 10;

  const CudaProgram &program;
  const LaunchMemory &memory;
  const CommandList &list;
  uint64_t rows;
  CUdeviceptr places[static_cast<size_t>(artifact::Place::MAX) + 1] = {};
  /// The driver reads as many parameters as a function declares, each as wide: what a command has no operand for is 0.
  uint64_t values[kMost + kMostBytes / sizeof(uint64_t)] = {};
  void *pointers[kMost];
  KernelNodeParameters node = {};
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_LAUNCH_PARAMETERS_H

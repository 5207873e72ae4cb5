// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The code of a program on a GPU.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_CUDA_PROGRAM_H
#define FATHOM_RUNTIME_DEVICE_CUDA_CUDA_PROGRAM_H

#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/transfers.h"
#include "runtime/device/device.h"
#include "runtime/src/command_list.h"

namespace fathom::runtime::cuda {

/// Immutable once loaded, but for what is under way in its transfers.
class CudaProgram {
public:
  /// As Device::load, onto GPU |number| of |driver|.
  fathom_status_t load(const DriverTable &driver, uint32_t number, const artifact::Artifact &contents,
                       const artifact::Program &program, const ByteSource &source);

  const Gpu &gpu() const { return device; }
  const artifact::Model &model() const { return *facts; }
  const artifact::Program &program() const { return *loaded; }
  const Kernels &kernels() const { return functions; }
  const CommandLists &commands() const { return lists; }
  Transfers &transfers() const { return moves; }

private:
  // The GPU first, since it ends last.
  Gpu device;
  const artifact::Model *facts = nullptr;
  const artifact::Program *loaded = nullptr;
  ByteView code;
  Kernels functions;
  CommandLists lists;
  mutable Transfers moves;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_CUDA_PROGRAM_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a call gives its kernels and gets from them, in one piece of memory: one upload before, one download after.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_STEP_MEMORY_H
#define FATHOM_RUNTIME_DEVICE_CUDA_STEP_MEMORY_H

#include "runtime/device/cuda/cuda_memory.h"
#include "runtime/device/device.h"
#include "runtime/src/buffer.h"

namespace fathom::runtime::cuda {

/// Where things lie in the memory of a step, in bytes from its beginning: fathom_step_t, arrays that are read, arrays
/// that are written. Graphs have these places for good, so they follow from the entry point and the most rows alone.
struct StepLayout {
  StepLayout(const artifact::EntryPoint &entry, const artifact::Model &model, uint64_t rows);

  /// 0: not there.
  uint64_t tokens, positions, logitRowIds, tables, hidden, inputEnd, hiddenOut, argmax, logits, end;
  /// Bytes of a row.
  uint64_t hiddenBytes, logitBytes;
};

/// The memory of the largest step of a program. One step at a time.
class StepMemory {
public:
  /// |gpu| outlives this; the caller is in its scope.
  fathom_status_t open(const Gpu &gpu, const artifact::Program &program, const artifact::Model &model);

  CUdeviceptr address() const { return memory.address(); }

  /// Begins to upload what |call| gives.
  fathom_status_t upload(const StepLayout &layout, const fathom_call_t &call, const CacheMemory &cache,
                         CUstream stream);

  /// Waits for all that is in |stream|, and has what |call| wants then.
  fathom_status_t download(const StepLayout &layout, const fathom_call_t &call, CUstream stream);

  /// The same for |size| bytes at an address of the GPU.
  fathom_status_t download(CUdeviceptr from, uint64_t size, void *to, CUstream stream);

private:
  /// Bytes of the step, and where they go.
  struct Output {
    uint64_t offset, size;
    void *to;
  };

  fathom_status_t download(CUdeviceptr base, const Output *outputs, unsigned count, CUstream stream);

  const Gpu *gpu = nullptr;
  CudaMemory memory;
  /// What is uploaded, and what has been downloaded.
  PinnedMemory given, taken;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_STEP_MEMORY_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a GPU takes for each launch of a step, by events between them.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_GPU_TRACE_H
#define FATHOM_RUNTIME_DEVICE_CUDA_GPU_TRACE_H

#include "fathom/artifact_abi.h"
#include "runtime/device/command_trace.h"
#include "runtime/device/cuda/gpu.h"
#include "runtime/src/command_list.h"

namespace fathom::runtime::cuda {

/// Who opens it or ends a call is in the scope of the GPU.
class GpuTrace {
public:
  GpuTrace() = default;
  GpuTrace(const GpuTrace &) = delete;
  GpuTrace &operator=(const GpuTrace &) = delete;
  ~GpuTrace();

  /// As Device::trace. Lists are of at most |mostLaunches|, and |gpu| outlives this.
  fathom_status_t open(const Gpu &gpu, const char *path, uint32_t mostLaunches);

  /// One before all launches, and one after each; NULL if nothing is traced.
  const CUevent *events() const { return made.empty() ? nullptr : made.data(); }

  /// Writes a call that began at |begin|, and where its graph ran, the boxes of its launches.
  fathom_status_t endCall(const CommandList &list, const fathom_call_t &call, uint64_t begin);

  fathom_status_t takeFailure() { return record.takeFailure(); }

private:
  fathom_status_t fill(const CommandList &list, const fathom_call_t &call, uint64_t begin);

  const Gpu *gpu = nullptr;
  Buffer<CUevent> made;
  CommandTrace record;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_GPU_TRACE_H

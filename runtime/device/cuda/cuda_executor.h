// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a session has on a GPU, and how it runs a call.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_CUDA_EXECUTOR_H
#define FATHOM_RUNTIME_DEVICE_CUDA_CUDA_EXECUTOR_H

#include "runtime/device/cuda/gpu_trace.h"
#include "runtime/device/cuda/launch_parameters.h"

namespace fathom::runtime::cuda {

class CudaExecutor {
public:
  CudaExecutor() = default;
  CudaExecutor(const CudaExecutor &) = delete;
  CudaExecutor &operator=(const CudaExecutor &) = delete;
  ~CudaExecutor();

  /// As Device::start.
  fathom_status_t start(const CudaProgram &program, const DeviceAddress *weights, const std::atomic<bool> *cancelled);

  /// As Device::prepare.
  fathom_status_t prepare(const artifact::EntryPoint &entry, uint32_t rows);

  /// As Device::trace and Device::takeTraceFailure.
  fathom_status_t trace(const char *path);
  fathom_status_t takeTraceFailure() { return record.takeFailure(); }

  /// As Device::run.
  fathom_status_t run(const artifact::EntryPoint &entry, const fathom_call_t &call, const CacheMemory &cache);

  /// That of start, for a driver under which a launch takes long. What a GPU has begun it ends.
  const std::atomic<bool> *cancelled() const { return cancelledFlag; }

private:
  fathom_status_t allocate(const DeviceAddress *weights);
  fathom_status_t placeLogits(const artifact::EntryPoint &entry, fathom_call_t *call);
  fathom_status_t runStep(const artifact::EntryPoint &entry, const fathom_call_t &call, const CacheMemory &cache);
  CUgraphExec &graphOf(const artifact::EntryPoint &entry, uint64_t rows);
  fathom_status_t makeGraph(const artifact::EntryPoint &entry, const StepLayout &layout, uint64_t rows);
  fathom_status_t launchGraph(const artifact::EntryPoint &entry, const StepLayout &layout, uint64_t rows);
  fathom_status_t launchEach(const artifact::EntryPoint &entry, const fathom_call_t &call, const StepLayout &layout,
                             uint64_t rows);
  fathom_status_t recordState(const Launch &launch, CUdeviceptr from, const fathom_call_t &call);

  const CudaProgram *program = nullptr;
  const std::atomic<bool> *cancelledFlag = nullptr;
  CUstream stream = nullptr;
  CudaMemory arena, scratch, weightTable;
  StepMemory step;
  LaunchMemory memory = {};
  /// Of each entry point and power of two of rows; NULL until one is prepared or needed.
  Buffer<CUgraphExec> graphs;
  /// Of calls that want the argmax alone, of an entry point that does not find it.
  Buffer<float> logits;
  GpuTrace record;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_CUDA_EXECUTOR_H

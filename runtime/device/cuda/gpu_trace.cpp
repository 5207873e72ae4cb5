// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Events, and what is read from them.

#include "runtime/device/cuda/gpu_trace.h"

#include "runtime/src/clock.h"

namespace fathom::runtime::cuda {

GpuTrace::~GpuTrace() {
  if (made.empty()) {
    return;
  }
  GpuScope scope(*gpu);
  for (CUevent event : made) {
    event ? gpu->driver().destroyEvent(event) : kSuccess;
  }
}

fathom_status_t GpuTrace::open(const Gpu &newGpu, const char *path, uint32_t mostLaunches) {
  gpu = &newGpu;
  FATHOM_RETURN_IF_ERROR(record.open(path, mostLaunches, 1));
  if (!made.allocate(mostLaunches + size_t(1))) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a trace of %u launches", mostLaunches);
  }
  for (CUevent &event : made) {
    FATHOM_RETURN_IF_ERROR(gpu->check(gpu->driver().createEvent(&event, 0), "make an event"));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t GpuTrace::endCall(const CommandList &list, const fathom_call_t &call, uint64_t begin) {
  if (!record.isOpen()) {
    return FATHOM_STATUS_OK;
  }
  // Where states are recorded no graph ran.
  FATHOM_RETURN_IF_ERROR(call.states ? FATHOM_STATUS_OK : fill(list, call, begin));
  record.endCall({list.name, begin, now(), -1, call.rows, CommandTrace::currentThread()});
  return FATHOM_STATUS_OK;
}

// The GPU has a clock of its own: its boxes begin where the host handed it the step.
fathom_status_t GpuTrace::fill(const CommandList &list, const fathom_call_t &call, uint64_t begin) {
  uint64_t time = begin;
  for (uint32_t i = 0; i < list.size; ++i) {
    const Launch &launch = list.launches[i];
    if (launch.kernel == kNoKernel) {
      continue;
    }
    float milliseconds = 0.0f;
    CUresult result = gpu->driver().elapsedTime(&milliseconds, made[0], made[i + 1]);
    FATHOM_RETURN_IF_ERROR(gpu->check(result, "ask how long a kernel took"));
    uint64_t end = begin + static_cast<uint64_t>(static_cast<double>(milliseconds) * 1e6);
    int64_t rows = (launch.rows == artifact::Rows::rows ? call.rows : call.logit_rows) * launch.factor;
    record.boxes(0)[i] = {launch.name, time, end, launch.layer, rows, kTracedGpu};
    time = end;
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime::cuda

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver copies by itself only what cannot move in the host's memory; all else goes through such memory in pieces.

#include "runtime/device/cuda/transfers.h"

#include <algorithm>
#include <string.h>

namespace fathom::runtime::cuda {

static constexpr uint64_t kStagingBytes = 4 << 20;

namespace {
class Lock {
public:
  explicit Lock(pthread_mutex_t &mutex) : mutex(mutex) { pthread_mutex_lock(&mutex); }
  Lock(const Lock &) = delete;
  Lock &operator=(const Lock &) = delete;
  ~Lock() { pthread_mutex_unlock(&mutex); }

private:
  pthread_mutex_t &mutex;
};
} // namespace

Transfers::~Transfers() {
  if (!gpu) {
    return;
  }
  GpuScope scope(*gpu);
  for (const Lane &lane : lanes) {
    lane.stream ? gpu->driver().destroyStream(lane.stream) : kSuccess;
    lane.staging ? gpu->driver().freeHost(lane.staging) : kSuccess;
  }
}

fathom_status_t Transfers::open(const Gpu &newGpu) {
  gpu = &newGpu;
  for (Lane &lane : lanes) {
    void *memory = nullptr;
    FATHOM_RETURN_IF_ERROR(
        gpu->check(gpu->driver().allocateHost(&memory, kStagingBytes, 0), "have memory for uploads"));
    lane.staging = static_cast<char *>(memory);
    CUstream stream = nullptr;
    FATHOM_RETURN_IF_ERROR(gpu->check(gpu->driver().createStream(&stream, kNonBlocking), "make a stream"));
    lane.stream = stream;
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Transfers::finish(const Lane &lane) {
  return gpu->check(gpu->driver().synchronize(lane.stream), "copy to the GPU or from it");
}

fathom_status_t Transfers::upload(CUdeviceptr to, const void *from, uint64_t size) {
  Lock lock(mutex);
  GpuScope scope(*gpu);
  fathom_status_t status = scope.status;
  uint64_t done = 0;
  for (unsigned turn = 0; status == FATHOM_STATUS_OK && done < size; ++turn) {
    const Lane &lane = lanes[turn % 2];
    uint64_t piece = std::min(size - done, kStagingBytes);
    status = turn < 2 ? status : finish(lane);
    if (status == FATHOM_STATUS_OK) {
      memcpy(lane.staging, static_cast<const char *>(from) + done, piece);
      status = gpu->check(gpu->driver().upload(to + done, lane.staging, piece, lane.stream), "copy to the GPU");
    }
    done += piece;
  }
  // Also after a failure: what is under way must not read what comes next.
  for (const Lane &lane : lanes) {
    CUresult result = gpu->driver().synchronize(lane.stream);
    status = status == FATHOM_STATUS_OK ? gpu->check(result, "copy to the GPU") : status;
  }
  return status;
}

fathom_status_t Transfers::readBack(void *to, CUdeviceptr from, uint64_t size) {
  Lock lock(mutex);
  GpuScope scope(*gpu);
  FATHOM_RETURN_IF_ERROR(scope.status);
  for (uint64_t done = 0; done < size; done += kStagingBytes) {
    uint64_t piece = std::min(size - done, kStagingBytes);
    CUresult result = gpu->driver().readBack(lanes[0].staging, from + done, piece, lanes[0].stream);
    FATHOM_RETURN_IF_ERROR(gpu->check(result, "copy from the GPU"));
    FATHOM_RETURN_IF_ERROR(finish(lanes[0]));
    memcpy(static_cast<char *>(to) + done, lanes[0].staging, piece);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Transfers::copy(CUdeviceptr to, CUdeviceptr from, uint64_t size) {
  Lock lock(mutex);
  GpuScope scope(*gpu);
  FATHOM_RETURN_IF_ERROR(scope.status);
  FATHOM_RETURN_IF_ERROR(gpu->check(gpu->driver().copy(to, from, size, lanes[0].stream), "copy within the GPU"));
  return finish(lanes[0]);
}

} // namespace fathom::runtime::cuda

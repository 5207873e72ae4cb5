// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of a device over any driver: that of NVIDIA, or one that simulates it.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_TABLE_H
#define FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_TABLE_H

#include "runtime/device/cuda/cuda_executor.h"
#include "runtime/device/make.h"

namespace fathom::runtime::cuda {

/// Gives a driver, or says why there is none.
using OpenDriver = fathom_status_t (*)(const DriverTable **driver);

/// MISMATCH or DEVICE, with what to do, if GPU |number| of a driver cannot run code for |target|.
fathom_status_t checkGpu(OpenDriver open, uint32_t number, const artifact::Target &target);

/// As Device::describe.
fathom_status_t describeGpu(OpenDriver open, uint32_t number, char *text, size_t size);

/// As Device::allocate and Device::free.
bool allocate(const CudaProgram &program, uint64_t size, DeviceAddress *memory);
void free(const CudaProgram &program, DeviceAddress memory);

inline const CudaProgram &programOf(const void *code) { return *static_cast<const CudaProgram *>(code); }
inline CudaExecutor &executorOf(void *executor) { return *static_cast<CudaExecutor *>(executor); }

/// A device called |name|; |isOnlyByName| as in Device.
template <OpenDriver open>
constexpr Device deviceOver(const char *name, bool isOnlyByName) {
  return {
      .name = name,
      .architecture = "nvptx64",
      .isOnlyByName = isOnlyByName,
      .outOfMemory = FATHOM_STATUS_DEVICE,
      .describe = [](uint32_t number, char *text, size_t size) { return describeGpu(open, number, text, size); },
      .check = [](uint32_t number, const artifact::Target &target) { return checkGpu(open, number, target); },
      .load =
          [](uint32_t number, const artifact::Artifact &contents, const artifact::Program &program,
             const ByteSource &source, void **code) {
            const DriverTable *driver;
            FATHOM_RETURN_IF_ERROR(open(&driver));
            return make<CudaProgram>(
                code, [&](CudaProgram &made) { return made.load(*driver, number, contents, program, source); });
          },
      .unload = [](void *code) { destroy(static_cast<CudaProgram *>(code)); },
      .allocate = [](const void *code, uint64_t size,
                     DeviceAddress *memory) { return cuda::allocate(programOf(code), size, memory); },
      .free = [](const void *code, DeviceAddress memory, uint64_t) { cuda::free(programOf(code), memory); },
      .grow = nullptr,
      .upload = [](const void *code, DeviceAddress to, const void *from,
                   uint64_t size) { return programOf(code).transfers().upload(to, from, size); },
      .readBack = [](const void *code, void *to, DeviceAddress from,
                     uint64_t size) { return programOf(code).transfers().readBack(to, from, size); },
      .copy = [](const void *code, DeviceAddress to, DeviceAddress from,
                 uint64_t size) { return programOf(code).transfers().copy(to, from, size); },
      .adopt = [](const void *, const void *, uint64_t) { return DeviceAddress(0); },
      .start =
          [](const void *code, const DeviceAddress *weights, uint32_t, const std::atomic<bool> *cancelled,
             void **executor) {
            return make<CudaExecutor>(
                executor, [&](CudaExecutor &made) { return made.start(programOf(code), weights, cancelled); });
          },
      .stop = [](void *executor) { destroy(static_cast<CudaExecutor *>(executor)); },
      .prepare = [](void *executor, const artifact::EntryPoint &entry,
                    uint32_t rows) { return executorOf(executor).prepare(entry, rows); },
      .threads = [](const void *) { return uint32_t(1); },
      .call = nullptr,
      .trace = [](void *executor, const char *path) { return executorOf(executor).trace(path); },
      .takeTraceFailure = [](void *executor) { return executorOf(executor).takeTraceFailure(); },
      .run = [](void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call,
                const CacheMemory &cache) { return executorOf(executor).run(entry, call, cache); },
  };
}

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_CUDA_DEVICE_TABLE_H

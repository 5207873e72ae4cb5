// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the functions of the driver's table do, each with the driver's state as first parameter.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_FUNCTIONS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_FUNCTIONS_H

#include "runtime/device/ptxsim/driver_state.h"

namespace fathom::runtime::ptxsim {

// Results that only a driver gives.
constexpr cuda::CUresult kNotInitialized = 3;
constexpr cuda::CUresult kInvalidContext = 201;

cuda::CUresult simulateInit(Driver &driver, unsigned flags);
cuda::CUresult simulateErrorName(Driver &driver, cuda::CUresult result, const char **name);
cuda::CUresult simulateErrorString(Driver &driver, cuda::CUresult result, const char **text);
cuda::CUresult simulateDriverVersion(Driver &driver, int *version);
cuda::CUresult simulateDeviceCount(Driver &driver, int *count);
cuda::CUresult simulateDeviceGet(Driver &driver, cuda::CUdevice *device, int ordinal);
cuda::CUresult simulateDeviceName(Driver &driver, char *name, int size, cuda::CUdevice device);
cuda::CUresult simulateDeviceAttribute(Driver &driver, int *value, int attribute, cuda::CUdevice device);
cuda::CUresult simulateDeviceMemory(Driver &driver, size_t *bytes, cuda::CUdevice device);
cuda::CUresult simulateRetainContext(Driver &driver, cuda::CUcontext *context, cuda::CUdevice device);
cuda::CUresult simulateReleaseContext(Driver &driver, cuda::CUdevice device);
cuda::CUresult simulatePushContext(Driver &driver, cuda::CUcontext context);
cuda::CUresult simulatePopContext(Driver &driver, cuda::CUcontext *context);
cuda::CUresult simulateLoadModule(Driver &driver, cuda::CUmodule *module, const void *image, unsigned options,
                                  int *names, void **values);
cuda::CUresult simulateUnloadModule(Driver &driver, cuda::CUmodule module);
cuda::CUresult simulateFindFunction(Driver &driver, cuda::CUfunction *function, cuda::CUmodule module,
                                    const char *name);
cuda::CUresult simulateSetFunctionAttribute(Driver &driver, cuda::CUfunction function, int attribute, int value);
cuda::CUresult simulateMemoryInfo(Driver &driver, size_t *available, size_t *total);
cuda::CUresult simulateAllocate(Driver &driver, cuda::CUdeviceptr *memory, size_t bytes);
cuda::CUresult simulateFree(Driver &driver, cuda::CUdeviceptr memory);
cuda::CUresult simulateAllocateHost(Driver &driver, void **memory, size_t bytes, unsigned flags);
cuda::CUresult simulateFreeHost(Driver &driver, void *memory);
cuda::CUresult simulateUpload(Driver &driver, cuda::CUdeviceptr to, const void *from, size_t bytes,
                              cuda::CUstream stream);
cuda::CUresult simulateReadBack(Driver &driver, void *to, cuda::CUdeviceptr from, size_t bytes, cuda::CUstream stream);
cuda::CUresult simulateCopy(Driver &driver, cuda::CUdeviceptr to, cuda::CUdeviceptr from, size_t bytes,
                            cuda::CUstream stream);
cuda::CUresult simulateCreateStream(Driver &driver, cuda::CUstream *stream, unsigned flags);
cuda::CUresult simulateDestroyStream(Driver &driver, cuda::CUstream stream);
cuda::CUresult simulateSynchronize(Driver &driver, cuda::CUstream stream);
cuda::CUresult simulateLaunch(Driver &driver, cuda::CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                              unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                              cuda::CUstream stream, void **parameters, void **extra);
cuda::CUresult simulateCreateEvent(Driver &driver, cuda::CUevent *event, unsigned flags);
cuda::CUresult simulateDestroyEvent(Driver &driver, cuda::CUevent event);
cuda::CUresult simulateElapsedTime(Driver &driver, float *milliseconds, cuda::CUevent begin, cuda::CUevent end);
cuda::CUresult simulateCreateGraph(Driver &driver, cuda::CUgraph *graph, unsigned flags);
cuda::CUresult simulateDestroyGraph(Driver &driver, cuda::CUgraph graph);
cuda::CUresult simulateAddKernelNode(Driver &driver, cuda::CUgraphNode *node, cuda::CUgraph graph,
                                     const cuda::CUgraphNode *earlier, size_t earlierCount,
                                     const cuda::KernelNodeParameters *parameters);
cuda::CUresult simulateAddEventNode(Driver &driver, cuda::CUgraphNode *node, cuda::CUgraph graph,
                                    const cuda::CUgraphNode *earlier, size_t earlierCount, cuda::CUevent event);
cuda::CUresult simulateInstantiateGraph(Driver &driver, cuda::CUgraphExec *executable, cuda::CUgraph graph,
                                        unsigned long long flags);
cuda::CUresult simulateDestroyExecutable(Driver &driver, cuda::CUgraphExec executable);
cuda::CUresult simulateLaunchGraph(Driver &driver, cuda::CUgraphExec executable, cuda::CUstream stream);
cuda::CUresult simulateEncodeTiledMap(Driver &driver, void *bytes, int type, uint32_t rank, void *address,
                                      const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                                      const uint32_t *elementStrides, int interleave, int swizzle, int promotion,
                                      int fill);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_DRIVER_FUNCTIONS_H

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether a GPU can run the code of an artifact.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_GPU_TARGET_H
#define FATHOM_RUNTIME_DEVICE_CUDA_GPU_TARGET_H

#include "fathom/artifact_generated.h"
#include "runtime/device/cuda/gpu.h"

namespace fathom::runtime::cuda {

/// Whether a GPU runs machine code for |target|: of its own generation, and of no later one.
bool runsMachineCode(const GpuFacts &gpu, const artifact::Target &target);

/// The number of the architecture that |target| names; 0 if it names none of a GPU.
unsigned architectureOf(const artifact::Target &target);

/// DEVICE, with what to do, if |gpu| cannot run code for |target|, not even text that its driver assembles.
fathom_status_t checkTarget(const GpuFacts &gpu, const artifact::Target &target);

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_GPU_TARGET_H

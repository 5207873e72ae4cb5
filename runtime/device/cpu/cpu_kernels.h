// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels of a program, as functions of its code.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CPU_KERNELS_H
#define FATHOM_RUNTIME_DEVICE_CPU_CPU_KERNELS_H

#include "fathom/artifact_generated.h"
#include "fathom/kernel_abi.h"
#include "runtime/device/cpu/code_image.h"
#include "runtime/src/buffer.h"

namespace fathom::runtime {

struct CpuKernel {
  fathom_task_fn task;
  fathom_items_fn items;
};

/// One for each of Program.kernels. BAD_DATA if one is not in the code of |image|, which outlives them.
fathom_status_t findKernels(const artifact::Program &program, const CodeImage &image, Buffer<CpuKernel> *kernels);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CPU_KERNELS_H

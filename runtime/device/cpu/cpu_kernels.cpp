// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses of kernels in the loaded code.

#include "runtime/device/cpu/cpu_kernels.h"

namespace fathom::runtime {

template <typename Function>
static fathom_status_t findFunction(const CodeImage &image, const artifact::Kernel &kernel, const char *what,
                                    uint64_t address, Function *function) {
  const void *code = image.function(address);
  *function = reinterpret_cast<Function>(const_cast<void *>(code));
  return code ? FATHOM_STATUS_OK
              : fail(FATHOM_STATUS_BAD_DATA, "kernel '%.64s': address 0x%llx of its %s is not in the code",
                     kernel.name()->c_str(), static_cast<unsigned long long>(address), what);
}

fathom_status_t findKernels(const artifact::Program &program, const CodeImage &image, Buffer<CpuKernel> *kernels) {
  if (!kernels->allocate(program.kernels()->size())) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %u kernels", program.kernels()->size());
  }
  for (uint32_t i = 0; i < program.kernels()->size(); ++i) {
    const artifact::Kernel &kernel = *program.kernels()->Get(i);
    CpuKernel &found = (*kernels)[i];
    FATHOM_RETURN_IF_ERROR(findFunction(image, kernel, "task", kernel.task(), &found.task));
    FATHOM_RETURN_IF_ERROR(findFunction(image, kernel, "items", kernel.items(), &found.items));
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

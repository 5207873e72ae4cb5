// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels of a program, loaded onto a GPU.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_KERNELS_H
#define FATHOM_RUNTIME_DEVICE_CUDA_KERNELS_H

#include "fathom/artifact_generated.h"
#include "runtime/device/cuda/gpu.h"
#include "runtime/src/buffer.h"

namespace fathom::runtime::cuda {

/// Modules, and a function for each of Program.kernels.
class Kernels {
public:
  Kernels() = default;
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;
  ~Kernels();

  /// |code| is the code segment of |program|, which has been checked; both outlive this, as does |gpu|, in whose scope
  /// the caller is. DEVICE if the driver refuses it, BAD_DATA if a kernel is not in its module.
  fathom_status_t load(const Gpu &gpu, const artifact::Program &program, const unsigned char *code);

  CUfunction operator[](uint32_t kernel) const { return functions[kernel]; }

private:
  fathom_status_t checkModules(const unsigned char *code) const;
  fathom_status_t loadModules(const unsigned char *code);
  fathom_status_t loadModule(const artifact::Module &module, const unsigned char *code);
  fathom_status_t loadText(const char *text, CUmodule *module);
  fathom_status_t findFunction(const artifact::Kernel &kernel);

  const Gpu *gpu = nullptr;
  const artifact::Program *program = nullptr;
  Buffer<CUmodule> modules;
  Buffer<CUfunction> functions;
};

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_KERNELS_H

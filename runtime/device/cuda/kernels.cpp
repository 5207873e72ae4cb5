// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gives modules to the driver: machine code where the GPU runs it, else text that the driver assembles.

#include "runtime/device/cuda/kernels.h"

#include "runtime/device/cuda/gpu_target.h"
#include "runtime/device/cuda/machine_code.h"

namespace fathom::runtime::cuda {

/// Dynamic shared memory that every kernel may have.
static constexpr uint32_t kUsualSharedBytes = 48 << 10;

Kernels::~Kernels() {
  if (modules.empty()) {
    return;
  }
  GpuScope scope(*gpu);
  for (CUmodule module : modules) {
    gpu->driver().unloadModule(module);
  }
}

// What the assembler of the driver says is all there is to go by.
fathom_status_t Kernels::loadText(const char *text, CUmodule *module) {
  char log[1024] = "";
  int names[] = {kJitErrorLogBuffer, kJitErrorLogBufferSizeBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  CUresult result = gpu->driver().loadModule(module, text, 2, names, values);
  fathom_status_t status = gpu->check(result, "assemble the code for the GPU");
  return status == FATHOM_STATUS_OK || !*log ? status : failAlso(status, "\n%s", log);
}

fathom_status_t Kernels::loadModule(const artifact::Module &module, const unsigned char *code) {
  CUmodule loaded = nullptr;
  CUresult result = kNoBinaryForGpu;
  if (module.cubin_size() > 0 && runsMachineCode(gpu->facts(), *program->target())) {
    result = gpu->driver().loadModule(&loaded, code + module.cubin_offset(), 0, nullptr, nullptr);
  }
  // An older driver may not know the machine code, and yet the text.
  bool needsText = result == kNoBinaryForGpu || result == kInvalidImage;
  FATHOM_RETURN_IF_ERROR(needsText ? loadText(reinterpret_cast<const char *>(code + module.ptx_offset()), &loaded)
                                   : gpu->check(result, "load the code onto the GPU"));
  return modules.push(loaded) ? FATHOM_STATUS_OK : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "no memory");
}

// Of a program for a GPU there has to be something to load. The driver is told no sizes: it reads text up to its zero
// byte, and machine code as far as its headers say.
fathom_status_t Kernels::checkModules(const unsigned char *code) const {
  const auto *all = program->code()->modules();
  bool good = all && all->size() > 0;
  for (uint32_t i = 0; good && i < all->size(); ++i) {
    const artifact::Module &module = *all->Get(i);
    good = code[module.ptx_offset() + module.ptx_size() - 1] == 0;
  }
  if (!good) {
    return fail(FATHOM_STATUS_BAD_DATA, "the code is for a GPU, but not modules of text with a zero byte behind");
  }
  for (uint32_t i = 0; i < all->size(); ++i) {
    const artifact::Module &module = *all->Get(i);
    if (module.cubin_size() > 0 && !isWholeMachineCode(code + module.cubin_offset(), module.cubin_size())) {
      return fail(FATHOM_STATUS_BAD_DATA, "module %u: its machine code is not an ELF file of %llu bytes", i,
                  static_cast<unsigned long long>(module.cubin_size()));
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Kernels::loadModules(const unsigned char *code) {
  FATHOM_RETURN_IF_ERROR(checkModules(code));
  const auto &all = *program->code()->modules();
  if (!modules.allocate(all.size())) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %u modules", all.size());
  }
  modules.clear(); // There is room for all, so that none is lost.
  for (const artifact::Module *module : all) {
    FATHOM_RETURN_IF_ERROR(loadModule(*module, code));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Kernels::findFunction(const artifact::Kernel &kernel) {
  const artifact::Grid &grid = *kernel.grid();
  CUfunction function = nullptr;
  CUresult result = gpu->driver().findFunction(&function, modules[grid.module_()], kernel.name()->c_str());
  if (result == kNotFound) {
    return fail(FATHOM_STATUS_BAD_DATA, "kernel '%.64s' is not in module %u of the code", kernel.name()->c_str(),
                grid.module_());
  }
  FATHOM_RETURN_IF_ERROR(gpu->check(result, "find a kernel"));
  if (grid.dynamic_shared_bytes() > gpu->facts().sharedBytes) {
    return fail(FATHOM_STATUS_DEVICE, "kernel '%.64s' needs %u bytes of shared memory, but '%s' has %u for a block",
                kernel.name()->c_str(), grid.dynamic_shared_bytes(), gpu->facts().name, gpu->facts().sharedBytes);
  }
  if (grid.dynamic_shared_bytes() > kUsualSharedBytes) {
    FATHOM_RETURN_IF_ERROR(gpu->check(gpu->driver().setFunctionAttribute(function, kMaxDynamicSharedSizeBytes,
                                                                         static_cast<int>(grid.dynamic_shared_bytes())),
                                      "give a kernel shared memory"));
  }
  return functions.push(function) ? FATHOM_STATUS_OK : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "no memory");
}

fathom_status_t Kernels::load(const Gpu &newGpu, const artifact::Program &newProgram, const unsigned char *code) {
  gpu = &newGpu;
  program = &newProgram;
  FATHOM_RETURN_IF_ERROR(loadModules(code));
  for (const artifact::Kernel *kernel : *program->kernels()) {
    FATHOM_RETURN_IF_ERROR(findFunction(*kernel));
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime::cuda

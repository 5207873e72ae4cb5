// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module of PTX that is loaded: its variables have addresses, its entries are ready to run.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_LOADED_MODULE_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_LOADED_MODULE_H

#include "runtime/device/cuda/driver.h"
#include "runtime/device/ptxsim/kernel_builder.h"
#include "runtime/device/ptxsim/memory.h"

#include <deque>

namespace fathom::runtime::ptxsim {

struct LoadedFunction {
  Kernel kernel;
  /// What the function's attribute allows.
  uint64_t mostDynamicShared = 0;
};

class LoadedModule {
public:
  explicit LoadedModule(DeviceMemory &memory) : memory_(memory) {}
  ~LoadedModule();
  LoadedModule(const LoadedModule &) = delete;
  LoadedModule &operator=(const LoadedModule &) = delete;

  /// kSuccess, or what a driver says, with `problem`.
  cuda::CUresult load(std::string_view text, int major, int minor, Problem &problem);
  LoadedFunction *find(std::string_view name);
  bool owns(const LoadedFunction *function) const;

private:
  cuda::CUresult allocateVariables(const Module &module, Problem &problem);
  bool initialize(const Variable &variable, uint64_t address, Problem &problem);

  DeviceMemory &memory_;
  GlobalAddresses globals_;
  std::vector<uint64_t> addresses_;
  /// References to its elements stay valid.
  std::deque<LoadedFunction> functions_;
};

/// Whether a device of this compute capability runs code for `target` (sm_80, sm_90a).
bool runsTarget(std::string_view target, int major, int minor);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_LOADED_MODULE_H

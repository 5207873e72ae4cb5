// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libcuda.so.1 of a simulated GPU: what a program finds where a driver is installed.

#include "runtime/device/ptxsim/ptxsim.h"

using namespace fathom::runtime;
using namespace fathom::runtime::cuda;

// Each symbol is the function of the simulator's table, whatever its parameters are.
#define FATHOM_CUDA_FUNCTION(name, symbol, parameters)                                                                 \
  extern "C" __attribute__((visibility("hidden"))) void *resolve_##symbol() {                                          \
    return reinterpret_cast<void *>(ptxsim::driver().name);                                                            \
  }                                                                                                                    \
  extern "C" __attribute__((visibility("default"), ifunc("resolve_" #symbol))) CUresult symbol parameters;
#include "runtime/device/cuda/driver.def"

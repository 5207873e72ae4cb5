// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a simulated kernel did wrong, and where.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_FINDING_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_FINDING_H

#include "runtime/device/cuda/driver.h"
#include "runtime/device/ptxsim/instruction.h"

namespace fathom::runtime::ptxsim {

/// The first thing that a block did wrong.
struct Finding {
  cuda::CUresult result = cuda::kSuccess;
  std::string text;
};

/// Where a thread is when something is found.
struct Place {
  const Kernel *kernel;
  const Instruction *instruction;
  Dimensions block, thread;
};

/// `kernel k, PTX line 12 (file.cu:3): st.global.u32: what; block (0, 0, 0), thread (5, 0, 0)`
std::string describe(const Place &place, std::string_view what);

/// printf into a string.
std::string format(const char *text, ...) __attribute__((format(printf, 1, 2)));

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_FINDING_H

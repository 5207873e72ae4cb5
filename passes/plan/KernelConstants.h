// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The constants that a kernel is specialized with.

#ifndef PASSES_PLAN_KERNELCONSTANTS_H
#define PASSES_PLAN_KERNELCONSTANTS_H

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

namespace fathom {

/// What `description` says and its tuning, in the order of the catalog.
llvm::SmallVector<int64_t> getConstants(const kernels::Kernel &kernel, const deepseek::KernelDescription &description);

} // namespace fathom

#endif // PASSES_PLAN_KERNELCONSTANTS_H

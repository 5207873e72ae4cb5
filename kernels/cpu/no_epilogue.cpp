// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The epilogue of kernels that are compiled for tests and benchmarks: none.

#include "kernels/cpu/epilogue.h"

extern "C" __attribute__((weak)) void fathom_epilogue(const fathom_dispatch_t *, int64_t, int64_t, int64_t, float *) {}

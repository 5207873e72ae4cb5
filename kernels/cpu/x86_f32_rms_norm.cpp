// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RMS norm with f32 weights.

#include "kernels/cpu/norm.h"

FATHOM_DEFINE_KERNEL(x86_f32_rms_norm, fathom::cpu::RmsNorm<fathom::cpu::F32>)

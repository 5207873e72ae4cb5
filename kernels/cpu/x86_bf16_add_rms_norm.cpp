// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Residual sum, then RMS norm with bf16 weights.

#include "kernels/cpu/norm.h"

FATHOM_DEFINE_KERNEL(x86_bf16_add_rms_norm, fathom::cpu::AddRmsNorm<fathom::cpu::Bf16>)

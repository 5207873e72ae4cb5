// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Adds up the experts' results of a token.

#include "kernels/cpu/moe.h"

FATHOM_DEFINE_KERNEL(x86_f32_moe_combine, fathom::cpu::MoeCombine)

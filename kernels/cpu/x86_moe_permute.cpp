// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorts tokens by expert.

#include "kernels/cpu/moe.h"

FATHOM_DEFINE_KERNEL(x86_moe_permute, fathom::cpu::MoePermute)

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses experts and their weights.

#include "kernels/cpu/moe.h"

FATHOM_DEFINE_KERNEL(x86_f32_moe_route, fathom::cpu::MoeRoute)

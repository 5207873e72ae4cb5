// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes latents to the cache, norm weights bf16.

#include "kernels/cpu/mla.h"

FATHOM_DEFINE_KERNEL(x86_bf16_mla_append, fathom::cpu::MlaAppend<fathom::cpu::Bf16>)

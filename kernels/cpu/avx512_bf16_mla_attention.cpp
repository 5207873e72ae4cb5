// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention with expanded keys and values, bf16 weights, AVX-512 tiles.

#include "kernels/cpu/mla_attention.h"

FATHOM_DEFINE_KERNEL(avx512_bf16_mla_attention, fathom::cpu::MlaAttention<fathom::cpu::Avx512Tile, fathom::cpu::Bf16>)

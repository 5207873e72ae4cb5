// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention with expanded keys and values, f32 weights, AVX2 tiles.

#include "kernels/cpu/mla_attention.h"

FATHOM_DEFINE_KERNEL(avx2_f32_mla_attention, fathom::cpu::MlaAttention<fathom::cpu::Avx2Tile, fathom::cpu::F32>)

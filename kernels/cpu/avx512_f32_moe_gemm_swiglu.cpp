// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts' products of gate and up, SwiGLU, f32 weights in panels, AVX-512 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx512_f32_moe_gemm_swiglu,
                     fathom::cpu::MoeGemm<fathom::cpu::Avx512Tile, fathom::cpu::PackedWeights<fathom::cpu::F32>, true>)

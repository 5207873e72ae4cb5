// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts' products of gate and up, SwiGLU, FP8 E4M3 with 128 x 128 scales weights in panels, AVX2 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx2_f8e4m3_moe_gemm_swiglu,
                     fathom::cpu::MoeGemm<fathom::cpu::Avx2Tile, fathom::cpu::PackedWeights<fathom::cpu::F8E4M3>, true>)

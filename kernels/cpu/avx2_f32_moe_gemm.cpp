// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts' products, f32 weights in panels, AVX2 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx2_f32_moe_gemm,
                     fathom::cpu::MoeGemm<fathom::cpu::Avx2Tile, fathom::cpu::PackedWeights<fathom::cpu::F32>>)

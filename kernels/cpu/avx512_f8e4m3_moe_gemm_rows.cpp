// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts' products, FP8 E4M3 with 128 x 128 scales weights row by row, AVX-512 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx512_f8e4m3_moe_gemm_rows,
                     fathom::cpu::MoeGemm<fathom::cpu::Avx512Tile, fathom::cpu::RowWeights<fathom::cpu::F8E4M3>>)

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts' products, bf16 weights row by row, AVX-512 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx512_bf16_moe_gemm_rows,
                     fathom::cpu::MoeGemm<fathom::cpu::Avx512Tile, fathom::cpu::RowWeights<fathom::cpu::Bf16>>)

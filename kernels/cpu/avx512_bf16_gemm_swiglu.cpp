// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense product of gate and up, SwiGLU, bf16 weights in panels, AVX-512 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx512_bf16_gemm_swiglu,
                     fathom::cpu::Gemm<fathom::cpu::Avx512Tile, fathom::cpu::PackedWeights<fathom::cpu::Bf16>, true>)

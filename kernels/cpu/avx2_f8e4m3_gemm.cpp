// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense product, FP8 E4M3 with 128 x 128 scales weights in panels, AVX2 tiles.

#include "kernels/cpu/gemm.h"

FATHOM_DEFINE_KERNEL(avx2_f8e4m3_gemm,
                     fathom::cpu::Gemm<fathom::cpu::Avx2Tile, fathom::cpu::PackedWeights<fathom::cpu::F8E4M3>>)

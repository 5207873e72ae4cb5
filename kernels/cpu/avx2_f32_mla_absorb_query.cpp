// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Queries in the space of latents, f32 weights, AVX2 tiles.

#include "kernels/cpu/mla.h"

FATHOM_DEFINE_KERNEL(avx2_f32_mla_absorb_query, fathom::cpu::MlaAbsorbQuery<fathom::cpu::Avx2Tile, fathom::cpu::F32>)

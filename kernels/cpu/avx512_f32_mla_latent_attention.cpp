// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention over cached latents, AVX-512 tiles.

#include "kernels/cpu/mla_latent_attention.h"

FATHOM_DEFINE_KERNEL(avx512_f32_mla_latent_attention, fathom::cpu::MlaLatentAttention<fathom::cpu::Avx512Tile>)

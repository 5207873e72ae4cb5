// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a f32 embedding table.

#include "kernels/cpu/rows.h"

FATHOM_DEFINE_KERNEL(x86_f32_embedding, fathom::cpu::Embedding<fathom::cpu::F32>)

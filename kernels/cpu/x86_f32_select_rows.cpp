// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of an activation, picked by an index.

#include "kernels/cpu/rows.h"

FATHOM_DEFINE_KERNEL(x86_f32_select_rows, fathom::cpu::SelectRows)

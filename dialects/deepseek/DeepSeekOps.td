// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All ops of the `deepseek` dialect, by family.

include "dialects/deepseek/DeepSeekAttentionOps.td"
include "dialects/deepseek/DeepSeekBasicOps.td"
include "dialects/deepseek/DeepSeekMoEOps.td"
include "dialects/deepseek/DeepSeekWeightOps.td"

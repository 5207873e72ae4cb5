// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Latent attention in absorbed form.

#ifndef PASSES_SUPPORT_ABSORBEDATTENTION_H
#define PASSES_SUPPORT_ABSORBEDATTENTION_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// What `op` computes, as mla_absorb_query, mla_latent_attention and mla_expand_output: equal in exact arithmetic.
mlir::Value createAbsorbedAttention(mlir::OpBuilder &builder, deepseek::MlaAttentionOp op);

} // namespace fathom

#endif // PASSES_SUPPORT_ABSORBEDATTENTION_H

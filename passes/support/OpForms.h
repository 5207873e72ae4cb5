// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops are in terms of others: latent attention absorbed, sparse or dense, experts routed.

#ifndef FATHOM_PASSES_SUPPORT_OPFORMS_H
#define FATHOM_PASSES_SUPPORT_OPFORMS_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// What `op` computes, as mla_absorb_query, mla_latent_attention and mla_expand_output: equal in exact arithmetic.
mlir::Value createAbsorbedAttention(mlir::OpBuilder &builder, deepseek::MlaAttentionOp op);

/// What `op` computes: index_select, or index_candidates of several parts and index_merge, and absorbed attention to
/// what these select.
mlir::Value createSelectedAttention(mlir::OpBuilder &builder, deepseek::SparseAttentionOp op, int64_t parts);

/// What `op` computes where every row has at most top_k positions.
mlir::Value createDenseAttention(mlir::OpBuilder &builder, deepseek::SparseAttentionOp op);

/// What `op` computes: tokens sorted by expert, grouped products and the weighted sum. With `fuseGateUp` gate and up
/// are one product if recipes can make one weight of theirs.
mlir::Value createRoutedExperts(mlir::OpBuilder &builder, deepseek::MoEExpertsOp op, bool fuseGateUp);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_OPFORMS_H

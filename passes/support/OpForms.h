// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops are in terms of others: latent attention absorbed, sparse or dense, experts routed.

#ifndef FATHOM_PASSES_SUPPORT_OPFORMS_H
#define FATHOM_PASSES_SUPPORT_OPFORMS_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// Attention in the space of latents.
struct AbsorbedAttention {
  deepseek::MlaAbsorbQueryOp query;
  deepseek::MlaLatentAttentionOp attention;
  deepseek::MlaExpandOutputOp output;
};

/// What `op` computes, whose result is that of `output`: equal in exact arithmetic.
AbsorbedAttention createAbsorbedAttention(mlir::OpBuilder &builder, deepseek::MlaAttentionOp op);

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

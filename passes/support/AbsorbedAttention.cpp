// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Latent attention in absorbed form.

#include "passes/support/AbsorbedAttention.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

Value createAbsorbedAttention(OpBuilder &builder, MlaAttentionOp op) {
  Location loc = op.getLoc();
  int64_t heads = op.getNumHeads(), latent = op.getLatentDim();
  auto withWidth = [&](int64_t width) {
    RankedTensorType type = op.getQuery().getType();
    return type.clone({type.getDimSize(0), width});
  };
  Value query =
      MlaAbsorbQueryOp::create(builder, loc, withWidth(heads * (latent + op.getRopeDim())), op.getQuery(), op.getKvB(),
                               op.getScale(), op.getTable(), op.getPositions(), op.getBlockAttr(), heads,
                               op.getNopeDim(), op.getRopeDim(), op.getValueDim(), op.getLayout());
  Value attended =
      MlaLatentAttentionOp::create(builder, loc, withWidth(heads * latent), query, op.getCache(), op.getLayer(),
                                   op.getPositions(), heads, op.getRopeDim(), op.getSoftmaxScale());
  return MlaExpandOutputOp::create(builder, loc, op.getType(), attended, op.getKvB(), op.getScale(), op.getBlockAttr(),
                                   heads, op.getNopeDim(), op.getValueDim());
}

} // namespace fathom

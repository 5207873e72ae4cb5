// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of rotary embedding, cache and attention ops.

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult RopeOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  int64_t pairs = getWidth(getInput().getType()) / 2;
  if (table.getRank() != 3 || table.getDimSize(1) != pairs || table.getDimSize(2) != 2) { // C1
    return emitOpError("expects a table [positions, ") << pairs << ", 2], but got " << table;
  }
  return success();
}

LogicalResult CacheAppendOp::verify() {
  int64_t width = getWidth(getLatent().getType()) + getWidth(getKey().getType());
  if (width != getCache().getType().getWidth()) { // C1
    return emitOpError("expects latent and key of ")
           << getCache().getType().getWidth() << " numbers, but got " << width;
  }
  return success();
}

LogicalResult MlaAttentionOp::verify() {
  int64_t heads = getNumHeads();
  if (getWidth(getQuery().getType()) != heads * (getNopeDim() + getRopeDim())) { // C1
    return emitOpError("expects a query of ")
           << heads * (getNopeDim() + getRopeDim()) << " numbers, but got " << getQuery().getType();
  }
  SmallVector<int64_t> expected = {heads * int64_t(getNopeDim() + getValueDim()), getLatentDim()};
  if (cast<RankedTensorType>(getKvB().getType()).getShape() != ArrayRef(expected)) {
    return emitOpError("expects kv_b of shape [") << expected << "], but got " << getKvB().getType();
  }
  if (getWidth(getResult().getType()) != heads * int64_t(getValueDim())) {
    return emitOpError("expects a result of ")
           << heads * getValueDim() << " numbers, but got " << getResult().getType();
  }
  return success();
}

} // namespace fathom::deepseek

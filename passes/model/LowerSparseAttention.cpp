// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sparse attention as an indexer's choice and attention to it, or as dense attention.

#include "passes/model/Passes.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/OpForms.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_LOWERSPARSEATTENTION
#include "passes/model/Passes.h.inc"

using namespace deepseek;

namespace {
struct LowerSparseAttention : impl::LowerSparseAttentionBase<LowerSparseAttention> {
  void runOnOperation() override {
    SmallVector<SparseAttentionOp> attentions;
    getOperation().walk([&](SparseAttentionOp op) { attentions.push_back(op); });
    for (SparseAttentionOp op : attentions) {
      OpBuilder builder(op);
      std::optional<int64_t> positions = getMaxPositions(op->getParentOfType<func::FuncOp>());
      bool dense = positions && *positions <= int64_t(op.getTopK());
      op.replaceAllUsesWith(dense ? createDenseAttention(builder, op) : createSelectedAttention(builder, op));
      op.erase();
      ++(dense ? madeDense : selected);
    }
  }
};
} // namespace

} // namespace fathom

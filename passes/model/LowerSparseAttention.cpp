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

/// Calls of no more rows may have fewer than there are threads.
static constexpr int64_t kFewRows = 64;
/// Positions of a part: less is not worth another thread's candidates.
static constexpr int64_t kPartPositions = 1024;
static constexpr int64_t kMostParts = 16;

/// How many parts of the context of a row of `function` are searched on their own: the most that index_candidates uses.
static int64_t getParts(func::FuncOp function, int64_t topK) {
  std::optional<int64_t> rows = getMaxRows(function), positions = getMaxPositions(function);
  if (!rows || *rows > kFewRows || !positions) {
    return 1;
  }
  int64_t parts = std::min<int64_t>(llvm::divideCeil(*positions, kPartPositions), *positions / 2 / topK);
  return std::clamp<int64_t>(parts, 1, kMostParts);
}

namespace {
struct LowerSparseAttention : impl::LowerSparseAttentionBase<LowerSparseAttention> {
  void runOnOperation() override {
    SmallVector<SparseAttentionOp> attentions;
    getOperation().walk([&](SparseAttentionOp op) { attentions.push_back(op); });
    for (SparseAttentionOp op : attentions) {
      OpBuilder builder(op);
      auto function = op->getParentOfType<func::FuncOp>();
      std::optional<int64_t> positions = getMaxPositions(function);
      bool dense = positions && *positions <= int64_t(op.getTopK());
      op.replaceAllUsesWith(dense ? createDenseAttention(builder, op)
                                  : createSelectedAttention(builder, op, getParts(function, op.getTopK())));
      op.erase();
      ++(dense ? madeDense : selected);
    }
  }
};
} // namespace

} // namespace fathom

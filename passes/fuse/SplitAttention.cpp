// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention of few rows as attention to parts of their keys, and the sum of these.

#include "passes/fuse/Passes.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/Kernels.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SPLITATTENTION
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

/// Calls of more rows keep a GPU busy as they are, and parts of them would be much memory.
static constexpr int64_t kFewRows = 64;

/// The most keys that a row of `op` attends to; nothing where nobody knows.
template <typename Op>
static std::optional<int64_t> getMaxKeys(Op op) {
  return getMaxPositions(op->template getParentOfType<func::FuncOp>());
}

template <>
std::optional<int64_t> getMaxKeys(MlaLatentAttentionOp op) {
  std::optional<int64_t> positions = getMaxPositions(op->getParentOfType<func::FuncOp>());
  return positions && op.getSelection() ? std::min(*positions, getWidth(op.getSelection().getType())) : positions;
}

/// How many parts the rows of `op` are worth.
template <typename Op>
static int64_t countParts(Op op) {
  std::optional<int64_t> rows = getMaxRows(op->template getParentOfType<func::FuncOp>()), keys = getMaxKeys(op);
  return !op.getParts() && rows && *rows <= kFewRows && keys ? kernels::countParts(op.getNumHeads(), *keys) : 1;
}

namespace {
struct SplitAttention : impl::SplitAttentionBase<SplitAttention> {
  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    SmallVector<Operation *> attentions;
    getOperation().walk([&](Operation *op) { attentions.push_back(op); });
    for (Operation *op : attentions) {
      TypeSwitch<Operation *>(op).Case<GqaAttentionOp, MlaLatentAttentionOp>([&](auto attention) {
        if (int64_t parts = countParts(attention); parts > 1) {
          splitInto(parts, attention, *target);
        }
      });
    }
  }

  template <typename Op>
  void splitInto(int64_t parts, Op op, TargetAttr target) {
    OpBuilder builder(op);
    RankedTensorType type = op.getType();
    int64_t width = parts * (getWidth(type) + 2 * int64_t(op.getNumHeads()));
    Op attention = op.clone();
    builder.insert(attention);
    attention.setParts(parts);
    attention.getResult().setType(RankedTensorType::get({type.getDimSize(0), width}, builder.getF32Type()));
    auto combine =
        AttentionCombineOp::create(builder, op.getLoc(), type, attention.getResult(), op.getNumHeads(), parts);
    if (!findKernel(attention, target) || !findKernel(combine, target)) {
      combine.erase();
      attention.erase();
      return;
    }
    op.replaceAllUsesWith(combine.getResult());
    op.erase();
    ++split;
  }
};
} // namespace

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLA in absorbed form where there are kernels for no other.

#include "passes/fuse/Passes.h"
#include "passes/support/Kernels.h"
#include "passes/support/OpForms.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ABSORBATTENTION
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

namespace {
struct AbsorbAttention : impl::AbsorbAttentionBase<AbsorbAttention> {
  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    SmallVector<MlaAttentionOp> attentions;
    getOperation().walk([&](MlaAttentionOp op) { attentions.push_back(op); });
    for (MlaAttentionOp op : attentions) {
      if (!findKernel(op, *target)) {
        absorb(op, *target);
      }
    }
  }

  void absorb(MlaAttentionOp op, TargetAttr target) {
    OpBuilder builder(op);
    auto [query, attention, output] = createAbsorbedAttention(builder, op);
    if (!findKernel(query, target) || !findKernel(attention, target) || !findKernel(output, target)) {
      output.erase();
      attention.erase();
      query.erase();
      return;
    }
    op.replaceAllUsesWith(output.getResult());
    op.erase();
    ++absorbed;
  }
};
} // namespace

} // namespace fathom

// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entry points that find the largest logit themselves.

#include "passes/fuse/Passes.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ADDARGMAX
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

namespace {
struct AddArgmax : impl::AddArgmaxBase<AddArgmax> {
  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      std::optional<unsigned> logits = getOutput(function, kLogitsOutput);
      if (logits && !getOutput(function, kArgmaxOutput)) {
        addTo(function, *logits, *target);
      }
    }
  }

  void addTo(func::FuncOp function, unsigned logits, TargetAttr target) {
    Operation *end = function.front().getTerminator();
    OpBuilder builder(end);
    Value input = end->getOperand(logits);
    auto type = RankedTensorType::get(cast<RankedTensorType>(input.getType()).getShape().front(), builder.getI32Type());
    auto argmax = ArgmaxOp::create(builder, end->getLoc(), type, input);
    if (!findKernel(argmax, target)) {
      argmax.erase();
      return;
    }
    end->insertOperands(logits + 1, argmax.getResult());
    auto name = builder.getNamedAttr(kOutputAttr, builder.getStringAttr(kArgmaxOutput));
    (void)function.insertResult(logits + 1, type, builder.getDictionaryAttr(name));
    ++added;
  }
};
} // namespace

} // namespace fathom

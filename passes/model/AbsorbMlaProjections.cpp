// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLA in absorbed form, for decode.

#include "passes/model/Passes.h"
#include "passes/support/OpForms.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ABSORBMLAPROJECTIONS
#include "passes/model/Passes.h.inc"

using namespace deepseek;

static bool isAbsorbed(func::FuncOp function) {
  auto form = function->getAttrOfType<StringAttr>(kFormAttr);
  return form && form.getValue() == kAbsorbedForm;
}

namespace {
struct AbsorbMlaProjections : impl::AbsorbMlaProjectionsBase<AbsorbMlaProjections> {
  void runOnOperation() override {
    SmallVector<MlaAttentionOp> attentions;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (isAbsorbed(function)) {
        function.walk([&](MlaAttentionOp op) { attentions.push_back(op); });
      }
    }
    for (MlaAttentionOp op : attentions) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(createAbsorbedAttention(builder, op).output.getResult());
      op.erase();
      ++absorbed;
    }
  }
};
} // namespace

} // namespace fathom

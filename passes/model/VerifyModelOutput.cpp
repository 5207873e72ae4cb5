// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the model phase.

#include "passes/model/Passes.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/deepseek/Phase.h"
#include "passes/support/EntryPoints.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYMODELOUTPUT
#include "passes/model/Passes.h.inc"

namespace {

struct VerifyModelOutput : impl::VerifyModelOutputBase<VerifyModelOutput> {
  void runOnOperation() override {
    bool valid = true;
    auto select = [](deepseek::MlaLatentAttentionOp op) {
      return op.getSelection() ? WalkResult::interrupt() : WalkResult::advance();
    };
    bool selects = getOperation().walk(select).wasInterrupted();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto form = function->getAttrOfType<StringAttr>(deepseek::kFormAttr);
      if (!form) {
        emitError(function.getLoc(), "expects '") << deepseek::kFormAttr << "' on every function after the model phase";
        valid = false;
        continue;
      }
      valid &= verifyBody(function, form == deepseek::kAbsorbedForm) && succeeded(verifyEntryFunction(function));
      valid &= !selects || function->hasAttr(deepseek::kMaxPositionsAttr) || verifySelections(function);
    }
    if (!valid || failed(verifyDraft(getOperation()))) {
      return signalPassFailure();
    }
    deepseek::markPhase(getOperation(), "model");
  }

  static bool verifyBody(func::FuncOp function, bool absorbed) {
    bool valid = true;
    function.walk([&](Operation *op) {
      if (isa<deepseek::RopeTableOp, deepseek::MoEExpertsOp, deepseek::SparseAttentionOp>(op) ||
          (absorbed && isa<deepseek::MlaAttentionOp>(op))) {
        op->emitOpError("is not expected after the model phase");
        valid = false;
      }
    });
    return valid;
  }

  /// Latent attention of a model that selects positions does so wherever there may be too many.
  static bool verifySelections(func::FuncOp function) {
    bool valid = true;
    function.walk([&](Operation *op) {
      auto latent = dyn_cast<deepseek::MlaLatentAttentionOp>(op);
      if (isa<deepseek::MlaAttentionOp>(op) || (latent && !latent.getSelection())) {
        op->emitOpError("expects a selection, or '")
            << deepseek::kMaxPositionsAttr << "' on its function, as other functions of the model select positions";
        valid = false;
      }
    });
    return valid;
  }
};

} // namespace
} // namespace fathom

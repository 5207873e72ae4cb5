// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says which machine a module is compiled for.

#include "passes/fuse/Passes.h"
#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ATTACHTARGET
#include "passes/fuse/Passes.h.inc"

namespace {
struct AttachTarget : impl::AttachTargetBase<AttachTarget> {
  using Base::Base;

  /// Null for f32, which no op needs to be told.
  FailureOr<Type> parseActivation() {
    if (activation == "f32") {
      return Type();
    }
    if (activation == "bf16") {
      return Type(BFloat16Type::get(&getContext()));
    }
    return emitError(getOperation().getLoc(), "expects f32 or bf16 activations, but got '") << activation << "'";
  }

  void runOnOperation() override {
    StringRef name = arch.empty() ? StringRef(kernels::device().baseline) : StringRef(arch);
    FailureOr<const kernels::Arch *> level = findArch(getOperation().getLoc(), name);
    if (failed(level)) {
      return signalPassFailure();
    }
    FailureOr<Type> type = parseActivation();
    if (failed(type)) {
      return signalPassFailure();
    }
    getOperation()->setAttr(deepseek::kTargetAttr, makeTarget(&getContext(), **level, tune, packWeights, *type));
  }
};
} // namespace

} // namespace fathom

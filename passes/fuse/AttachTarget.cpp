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

  void runOnOperation() override {
    StringRef name = arch.empty() ? StringRef(kernels::devices().front().baseline) : StringRef(arch);
    FailureOr<const kernels::Arch *> level = findArch(getOperation().getLoc(), name);
    if (failed(level)) {
      return signalPassFailure();
    }
    getOperation()->setAttr(deepseek::kTargetAttr, makeTarget(&getContext(), **level, tune, packWeights, getElement()));
  }

  /// Nothing for f32, which no op needs to be told.
  Type getElement() {
    Builder builder(&getContext());
    switch (activation) {
    case ActivationType::F32:
      return Type();
    case ActivationType::Bf16:
      return builder.getBF16Type();
    case ActivationType::Int8:
      return builder.getI8Type();
    }
    llvm_unreachable("covered switch");
  }
};
} // namespace

} // namespace fathom

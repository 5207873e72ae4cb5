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
    // Nothing for f32, which no op needs to be told.
    Type rounded = activation == ActivationType::Bf16 ? BFloat16Type::get(&getContext()) : Type();
    getOperation()->setAttr(deepseek::kTargetAttr, makeTarget(&getContext(), **level, tune, packWeights, rounded));
  }
};
} // namespace

} // namespace fathom
